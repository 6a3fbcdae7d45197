/**
 * Counts the memory that a device really gives: every buffer and texture from its making to its `destroy`, whoever makes it. A second
 * witness beside the device's own counters and the memory plan.
 */

/** Bytes on the device. */
export interface Meter {
  readonly held: () => number
  /** most bytes held at one time since `mark` was called, or since the beginning */
  readonly peak: () => number
  /** the largest buffer or texture ever made */
  readonly largest: () => number
  readonly mark: () => void
}

const texelBytes: Readonly<Record<string, number>> = { rgba32float: 16, rgba32uint: 16 }

export const meter = (gpu: GPUDevice): Meter => {
  let [held, peak, largest] = [0, 0, 0]
  const watch = <T extends GPUBuffer | GPUTexture>(made: T, bytes: number): T => {
    held += bytes
    peak = Math.max(peak, held)
    largest = Math.max(largest, bytes)
    const destroy = made.destroy.bind(made)
    let gone = false
    made.destroy = () => {
      if (!gone) held -= bytes
      gone = true
      return destroy()
    }
    return made
  }
  const [createBuffer, createTexture] = [gpu.createBuffer.bind(gpu), gpu.createTexture.bind(gpu)]
  gpu.createBuffer = descriptor => watch(createBuffer(descriptor), descriptor.size)
  gpu.createTexture = descriptor => {
    const bytes = texelBytes[descriptor.format]
    if (bytes === undefined) throw new RangeError(`how large is a texel of ${descriptor.format}?`)
    const texture = createTexture(descriptor)
    return watch(texture, bytes * texture.width * texture.height * texture.depthOrArrayLayers)
  }
  return { held: () => held, peak: () => peak, largest: () => largest, mark: () => void (peak = held) }
}
