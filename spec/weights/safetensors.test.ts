/** safetensors: what is written is read, what lies about itself is refused by name, no header crashes or hangs. */
import * as fc from 'fast-check'
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { bytesSource } from '../../lib/weights/byte-source.ts'
import { readSafetensors, writeSafetensors } from '../../lib/weights/safetensors.ts'
import { type TensorEntry, floatTensor, sizeOf, wholeTensor } from '../../lib/weights/tensor-file.ts'
import { concatenated, little, safetensorsWith } from './file-makers.ts'
import { opened, refused } from './golden-files.ts'

const file = 'folder/model.safetensors'
const readBytes = (bytes: Uint8Array) => readSafetensors(bytesSource(file, bytes))
const written = async (tensors: readonly TensorEntry[], metadata?: Record<string, string>): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = []
  for (const piece of writeSafetensors(tensors, metadata)) pieces.push(await opened(piece))
  return concatenated(...pieces)
}
const refusal = (header: unknown, body = new Uint8Array(16)) => refused(readBytes(safetensorsWith(header, body)))
const place = (dtype: string, shape: unknown, begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

const shapes = fc.array(fc.nat({ max: 5 }), { maxLength: 4 })
const names = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '0', '"', 'a.b', 'ü'))
const anyTensor = fc.tuple(names, shapes, fc.nat({ max: 5 })).map(([name, shape, kind]): TensorEntry => {
  const numbers = Array.from({ length: sizeOf(shape) }, (_, i) => i - 3)
  switch (kind) {
    case 0:
      return floatTensor(
        name,
        shape,
        Float32Array.from(numbers, x => x / 8),
      )
    case 1:
      return floatTensor(
        name,
        shape,
        Float32Array.from(numbers, x => x / 8),
        'F16',
      )
    case 2:
      return floatTensor(
        name,
        shape,
        Float32Array.from(numbers, x => x / 8),
        'BF16',
      )
    case 3:
      return wholeTensor(name, shape, Int32Array.from(numbers))
    case 4:
      return wholeTensor(name, shape, Int8Array.from(numbers))
    default:
      return wholeTensor(name, shape, Uint16Array.from(numbers))
  }
})
const tensorLists = fc.uniqueArray(anyTensor, { selector: tensor => tensor.name, maxLength: 8 })

describe('round trip', () => {
  it('gives back every name, dtype, shape, number and byte', async () => {
    await fc.assert(
      fc.asyncProperty(tensorLists, fc.dictionary(fc.string(), fc.string()), async (tensors, metadata) => {
        const kept = tensors.filter(({ name }) => name !== '__metadata__')
        const back = await opened(readBytes(await written(kept, metadata)))
        expect(new Set(back.tensors.keys())).toEqual(new Set(kept.map(({ name }) => name)))
        expect(Object.fromEntries(back.metadata)).toEqual(Object.fromEntries(Object.entries(metadata)))
        for (const tensor of kept) {
          const entry = back.tensors.get(tensor.name)!
          expect({ dtype: entry.dtype, shape: entry.shape }).toEqual({ dtype: tensor.dtype, shape: tensor.shape })
          expect(await opened(entry.bytes)).toEqual(await opened(tensor.bytes))
          expect(await opened(entry.read)).toEqual(await opened(tensor.read))
        }
      }),
    )
  })
  it('a range is that piece of the whole, and nothing outside it', async () => {
    const bytes = await written([
      floatTensor(
        'x',
        [4, 5],
        Float32Array.from({ length: 20 }, (_, i) => i),
        'BF16',
      ),
    ])
    const x = (await opened(readBytes(bytes))).tensors.get('x')!
    const whole = await opened(x.read)
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 20 }), fc.nat({ max: 20 }), async (first, count) => {
        const piece = await x.readRange(first, count)()
        if (first + count > 20) expect(E.isLeft(piece)).toBe(true)
        else expect(piece).toEqual(E.right(whole.slice(first, first + count)))
      }),
    )
  })
  it('aligns every tensor to its elements', async () => {
    const bytes = await written([
      wholeTensor('bytes', [3], Uint8Array.of(1, 2, 3)),
      floatTensor('halves', [1], Float32Array.of(1), 'F16'),
      floatTensor('floats', [1], Float32Array.of(1)),
    ])
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
    expect(length % 8).toBe(0)
    expect(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))).toEqual({
      floats: place('F32', [1], 0, 4),
      halves: place('F16', [1], 4, 6),
      bytes: place('U8', [3], 6, 9),
    })
  })
  it('a tensor with fewer numbers than its shape is not written', async () => {
    const [, piece] = writeSafetensors([floatTensor('x', [4], Float32Array.of(1, 2))])
    expect((await refused(piece!)).message).toContain('x is F32 [4] but gives 8 bytes')
  })
  it('reads 64-bit numbers where they fit 32, and says which one does not', async () => {
    const body = concatenated(
      ...[-1n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 31n].map(n => little(8, BigInt.asUintN(64, n))),
    )
    const x = (await opened(readBytes(safetensorsWith({ x: place('I64', [4], 0, 32) }, body)))).tensors.get('x')!
    expect(await opened(x.readRange(0, 3))).toEqual(Int32Array.of(-1, 2 ** 31 - 1, -(2 ** 31)))
    expect(await refused(x.read)).toMatchObject({
      kind: 'dtype',
      message: expect.stringContaining('element 3') as string,
    })
  })
})

describe('a header that lies', () => {
  const cases: readonly (readonly [string, unknown, readonly string[]])[] = [
    ['overlap', { a: place('U8', [8], 0, 8), b: place('U8', [8], 4, 12) }, ['b overlaps a']],
    ['hole', { a: place('U8', [8], 0, 8), b: place('U8', [4], 12, 16) }, ['b leaves a hole after a']],
    ['hole at the start', { a: place('U8', [8], 8, 16) }, ['a leaves a hole after the header']],
    ['rest at the end', { a: place('U8', [8], 0, 8) }, ['16 bytes', '8']],
    ['beyond the file', { a: place('U8', [17], 0, 17) }, ['a ends at byte 17', '16']],
    ['reversed', { a: place('U8', [8], 8, 0) }, ['a']],
    ['shape and bytes differ', { a: place('F32', [5], 0, 16) }, ['a', '20', '16']],
    ['negative size', { a: place('F32', [-4], 0, 16) }, ['a', '-4']],
    ['size as text', { a: place('F32', '4', 0, 16) }, ['a']],
    [
      'a size deeper than any stack',
      `{"a": {"dtype": "U8", "shape": ${'['.repeat(1e5)}${']'.repeat(1e5)}, "data_offsets": [0, 16]}}`,
      ['a', 'shape'],
    ],
    ['fraction', { a: place('F32', [4.5], 0, 18) }, ['a']],
    ['sizes whose product overflows', { a: place('U8', [2 ** 52, 2 ** 52, 0], 0, 16) }, ['a']],
    ['unknown dtype', { a: place('F99', [16], 0, 16) }, ['a', 'F99']],
    ['no dtype', { a: { shape: [16], data_offsets: [0, 16] } }, ['a']],
    ['three offsets', { a: { dtype: 'U8', shape: [16], data_offsets: [0, 8, 16] } }, ['a']],
    ['not an object', [], ['object']],
    ['metadata of numbers', { __metadata__: { a: 1 }, a: place('U8', [16], 0, 16) }, ['__metadata__']],
    ['not JSON', '{"a":', ['JSON']],
    ['two mistakes', { a: place('F99', [16], 0, 16), b: place('U8', [1], 0, 16) }, ['a', 'F99', 'b']],
    [
      'a name twice',
      `{"a": ${JSON.stringify(place('U8', [16], 0, 16))}, "\\u0061": ${JSON.stringify(place('U8', [16], 0, 16))}}`,
      ['a stands twice'],
    ],
  ]
  it.each(cases)('%s', async (_, header, mentions) => {
    const error = await refusal(header)
    expect(['format', 'several']).toContain(error.kind)
    for (const text of [file, ...mentions]) expect(error.message).toContain(text)
  })
  it('is believed where it only looks strange', async () => {
    const header = { '{"a":': place('U8', [8], 0, 8), 'b"': { ...place('U8', [8], 8, 16), more: { a: 1 } } }
    expect([...(await opened(readBytes(safetensorsWith(header, new Uint8Array(16))))).tensors.keys()]).toEqual([
      '{"a":',
      'b"',
    ])
  })
})

describe('a file that is something else', () => {
  const text = (content: string) => new TextEncoder().encode(content)
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['empty', text(''), 'empty'],
    ['shorter than its length', text('12345'), 'found 5'],
    ['a header length of 2^40', concatenated(little(8, 2n ** 40n), text('{}')), '1099511627776'],
    ['a header length of 2^64 - 1', concatenated(little(8, 2n ** 64n - 1n), text('{}')), 'room'],
    ['a header length of 0', concatenated(little(8, 0), text('{}')), 'room'],
    ['a web page', text('<!doctype html><title>404</title>'), 'web page'],
    [
      'a pointer file',
      text('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9976578928\n'),
      'git lfs pull',
    ],
    ['no UTF-8', concatenated(little(8, 2), Uint8Array.of(0xff, 0xfe)), 'UTF-8'],
  ]
  it.each(cases)('%s', async (_, bytes, mention) => {
    const error = await refused(readBytes(bytes))
    expect(error.kind).toBe('format')
    expect(error.message).toContain(file)
    expect(error.message).toContain(mention)
  })
})
