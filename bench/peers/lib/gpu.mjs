// navigator.gpu from the `webgpu` npm package (Dawn), installed as a global the way browsers have it
import { create, globals } from 'webgpu'
Object.assign(globalThis, globals)
export const gpu = create(process.env.TOGGLES ? process.env.TOGGLES.split(' ') : [])
const nav = globalThis.navigator
Object.defineProperty(globalThis, 'navigator', {
  value: { gpu, userAgent: 'node', language: 'en', hardwareConcurrency: nav?.hardwareConcurrency ?? 2 },
  configurable: true,
  writable: true,
})
// dawn.node refuses a view over a SharedArrayBuffer in writeBuffer ("Invalid argument"); browsers accept it. ort-web needs it.
const wb = globalThis.GPUQueue.prototype.writeBuffer
globalThis.GPUQueue.prototype.writeBuffer = function (b, off, data, o = 0, n) {
  const buf = ArrayBuffer.isView(data) ? data.buffer : data
  if (typeof SharedArrayBuffer !== 'undefined' && buf instanceof SharedArrayBuffer) {
    const es = data.BYTES_PER_ELEMENT ?? 1,
      v = ArrayBuffer.isView(data)
        ? new Uint8Array(data.buffer, data.byteOffset + o * es, (n ?? data.length - o) * es)
        : new Uint8Array(data, o, n)
    return wb.call(this, b, off, v.slice())
  }
  return n === undefined ? wb.call(this, b, off, data, o) : wb.call(this, b, off, data, o, n)
}
