/** Number formats against golden values from numpy, PyTorch and ggml's own package, bit for bit, and their laws. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fileSource } from '../../lib/node/files.ts'
import * as formats from '../../lib/weights/number-formats.ts'
import { readSafetensors } from '../../lib/weights/safetensors.ts'
import { golden, kept, opened } from './golden-files.ts'

const all = 0x10000
const everyPattern = Uint16Array.from({ length: all }, (_, i) => i)

/** The cases of one op: case name, then `in/x` and so on to raw bytes and shape. */
const casesOf = async (folder: string, op: string) => {
  const file = await opened(readSafetensors(await opened(fileSource(`${folder}/${op}.safetensors`))))
  const cases = new Map<string, Map<string, { readonly bytes: Uint8Array; readonly shape: readonly number[] }>>()
  for (const [key, entry] of file.tensors) {
    const [name = '', ...role] = key.split('/')
    const tensors = cases.get(name) ?? new Map()
    tensors.set(role.join('/'), { bytes: await opened(entry.bytes), shape: entry.shape })
    cases.set(name, tensors)
  }
  return cases
}

const f32 = (bytes: Uint8Array) => new Float32Array(bytes.buffer)
const u16 = (bytes: Uint8Array) => new Uint16Array(bytes.buffer)
const raw = (x: ArrayBufferView) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength)

/** What each op gives for its inputs, as bytes by output name. */
type Bytes = (role: string) => Uint8Array
const ops: Record<string, (input: Bytes, columns: number) => Record<string, ArrayBufferView>> = {
  to_f16: x => ({ bits: formats.toF16(f32(x('in/x'))) }),
  to_bf16: x => ({ bits: formats.toBF16(f32(x('in/x'))) }),
  from_f16: x => ({ y: formats.fromF16(u16(x('in/bits'))) }),
  from_bf16: x => ({ y: formats.fromBF16(u16(x('in/bits'))) }),
  quantize_int8: (x, columns) => ({ ...formats.quantizeInt8(f32(x('in/x')), columns) }),
  quantize_q8_0: (x, columns) => ({ packed: formats.quantizeQ8_0(f32(x('in/x')), columns) }),
  quantize_q4_0: (x, columns) => ({ packed: formats.quantizeQ4_0(f32(x('in/x')), columns) }),
  dequantize_int8: x => ({
    y: formats.dequantizeInt8({ q: new Int8Array(x('in/q').buffer as ArrayBuffer), scale: f32(x('in/scale')) }),
  }),
  dequantize_q8_0: x => ({ y: formats.dequantizeQ8_0(x('in/packed')) }),
  dequantize_q4_0: x => ({ y: formats.dequantizeQ4_0(x('in/packed')) }),
}

const folders = [kept('ops'), golden('ops')].filter(folder => folder !== undefined)
describe.each(folders)('golden values of %s', folder => {
  it.each(Object.keys(ops))('%s is equal in every bit', async op => {
    const cases = await casesOf(folder, op)
    expect(cases.size).toBeGreaterThan(0)
    for (const [name, tensors] of cases) {
      const columns = (tensors.get('in/x') ?? tensors.get('in/q') ?? tensors.get('in/bits'))?.shape.at(-1) ?? 0
      const outputs = ops[op]!(role => tensors.get(role)!.bytes, columns)
      for (const [output, value] of Object.entries(outputs))
        expect(raw(value), `${op}/${name}: ${output}`).toEqual(tensors.get(`out/${output}`)!.bytes)
    }
  })
})

describe('16-bit floats', () => {
  it('every half survives the way to float32 and back; NaN stays NaN', () => {
    const back = formats.toF16(formats.fromF16(everyPattern))
    const isNaN = (bits: number) => (bits & 0x7fff) > 0x7c00
    expect(everyPattern.filter((bits, i) => (isNaN(bits) ? !isNaN(back[i]!) : back[i] !== bits))).toHaveLength(0)
  })
  it('every bfloat16 survives the way to float32 and back; NaN stays NaN', () => {
    const back = formats.toBF16(formats.fromBF16(everyPattern))
    const isNaN = (bits: number) => (bits & 0x7fff) > 0x7f80
    expect(everyPattern.filter((bits, i) => (isNaN(bits) ? !isNaN(back[i]!) : back[i] !== bits))).toHaveLength(0)
  })
  it('the half is the nearest one, and of two equally near the even one', () => {
    const halves = formats.fromF16(everyPattern)
    const steps = (x: number): readonly number[] => {
      const bits = formats.toF16(Float32Array.of(x))[0]! & 0x7fff
      return [bits - 1, bits, bits + 1].filter(b => b >= 0 && b < 0x7c00)
    }
    fc.assert(
      fc.property(fc.float({ min: 0, max: 65504, noNaN: true, noDefaultInfinity: true }), x => {
        const bits = formats.toF16(Float32Array.of(x))[0]!
        const distance = Math.abs(halves[bits]! - x)
        const others = steps(x).filter(b => b !== bits)
        return others.every(
          b => Math.abs(halves[b]! - x) > distance || (Math.abs(halves[b]! - x) === distance && bits % 2 === 0),
        )
      }),
      { numRuns: 5000 },
    )
  })
})

describe('blocks', () => {
  const row = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 32, maxLength: 32 })
  it('a number comes back within half a step of its block', () => {
    fc.assert(
      fc.property(row, values => {
        const x = Float32Array.from(values)
        const largest = Math.max(...x.map(Math.abs))
        const slack = largest * 2 ** -10 + 2 ** -14
        const near = (y: Float32Array, step: number) => x.every((v, i) => Math.abs(v - y[i]!) <= step + slack)
        expect(near(formats.dequantizeQ8_0(formats.quantizeQ8_0(x, 32)), largest / 254)).toBe(true)
        expect(near(formats.dequantizeInt8(formats.quantizeInt8(x, 32)), largest / 254)).toBe(true)
        expect(near(formats.dequantizeQ4_0(formats.quantizeQ4_0(x, 32)), largest / 8)).toBe(true)
      }),
    )
  })
  it('a row that is no whole number of blocks is refused with both numbers', () => {
    expect(() => formats.quantizeQ4_0(new Float32Array(80), 40)).toThrow('40, not a multiple of 32')
    expect(() => formats.quantizeQ8_0(new Float32Array(31), 31)).toThrow('31, not a multiple of 32')
  })
  it('nothing in, nothing out', () => {
    expect(formats.quantizeInt8(new Float32Array(0), 0).q).toHaveLength(0)
    expect(formats.quantizeQ8_0(new Float32Array(0), 0)).toHaveLength(0)
    expect(formats.dequantizeQ4_0(new Uint8Array(0))).toHaveLength(0)
  })
})
