// The tensors of a safetensors file by name, each as { shape, data }: F32 and I32.
import fs from 'node:fs'
const kinds = { F32: Float32Array, I32: Int32Array }
export function read(file) {
  const raw = fs.readFileSync(file),
    start = 8 + Number(raw.readBigUInt64LE(0)),
    header = JSON.parse(raw.subarray(8, start).toString())
  delete header.__metadata__
  const at = ({ dtype, shape, data_offsets: [a, b] }) => ({
    shape,
    data: new kinds[dtype](raw.buffer.slice(raw.byteOffset + start + a, raw.byteOffset + start + b)),
  })
  return Object.fromEntries(Object.entries(header).map(([name, place]) => [name, at(place)]))
}
