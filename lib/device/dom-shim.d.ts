/**
 * The names of the DOM that @webgpu/types mentions and that `"lib": ["es2023"]` and @types/node lack. Without them they
 * become `any`, and a wrong call such as `writeBuffer(buffer, 0, 'text')` would compile. Not part of the built package: a
 * user's own `lib` decides there.
 */
type BufferSource = ArrayBufferView<ArrayBuffer> | ArrayBuffer
type AllowSharedBufferSource = ArrayBufferView | ArrayBufferLike
type PredefinedColorSpace = 'srgb' | 'display-p3'
interface EventInit {
  bubbles?: boolean
  cancelable?: boolean
  composed?: boolean
}
interface AddEventListenerOptions extends EventListenerOptions {
  once?: boolean
  passive?: boolean
  signal?: AbortSignal
}
type EventListenerOrEventListenerObject = ((event: Event) => void) | { handleEvent(event: Event): void }
interface ImageBitmap {
  readonly width: number
  readonly height: number
}
interface ImageData {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray
}
interface VideoFrame {
  readonly codedWidth: number
  readonly codedHeight: number
}
interface HTMLImageElement {
  readonly naturalWidth: number
  readonly naturalHeight: number
}
