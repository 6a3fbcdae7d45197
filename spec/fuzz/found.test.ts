/** Files that broke a reader once: each was found by damaging good ones, and has a name now. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import type { SluiceError } from '../../lib/errors.ts'
import type { Dtype, TensorFile } from '../../lib/weights/tensor-file.ts'
import { readClip } from '../../models/load/clip-files.ts'
import { convNextSizes } from '../../models/load/convnext-files.ts'
import { readLlm } from '../../models/load/llm-files.ts'
import { readTokenizer } from '../../models/text/index.ts'

const kept = (file: string): Record<string, unknown> =>
  JSON.parse(
    readFileSync(fileURLToPath(new URL(`../golden/mg-llava/conv-gate-vicuna/${file}`, import.meta.url)), 'utf8'),
  )
const errorOf = (read: E.Either<SluiceError, unknown>): SluiceError => {
  if (E.isRight(read)) throw new Error('expected an error, found a value')
  return read.left
}

describe('a step of a tokenizer inside itself', () => {
  const levels = 10_000
  it.each([
    ['normalizer', 'normalizers', 'NFC'],
    ['pre_tokenizer', 'pretokenizers', 'ByteLevel'],
    ['decoder', 'decoders', 'Fuse'],
  ])('%s: does not overflow the stack', (field, list, step) => {
    const { [field]: _, ...rest } = kept('llm/tokenizer.json')
    const nested = `{"type":"Sequence","${list}":[`.repeat(levels) + `{"type":"${step}"}` + ']}'.repeat(levels)
    const text = `${JSON.stringify(rest).slice(0, -1)},"${field}":${nested}}`
    const { kind, message } = errorOf(readTokenizer(text, 'tokenizer.json'))
    expect(kind).toBe('field')
    expect(message).toMatch(new RegExp(`^tokenizer.json: ${field}.*at most 16 Sequences`))
  })
})

it('a step whose fields are of other kinds is refused when it is read, not when a text is', () => {
  const steps = [
    { type: 'Split', pattern: { String: ' ' }, behavior: 1e9, invert: false },
    { type: 'Digits', individual_digits: 1 },
  ]
  const file = { ...kept('llm/tokenizer.json'), pre_tokenizer: { type: 'Sequence', pretokenizers: steps } }
  const { kind, message } = errorOf(readTokenizer(JSON.stringify(file), 'tokenizer.json'))
  expect(kind).toBe('several')
  expect(message.split('\n')).toEqual([
    'tokenizer.json: pre_tokenizer.pretokenizers[0].behavior: expected one of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous, found 1000000000',
    'tokenizer.json: pre_tokenizer.pretokenizers[1].individual_digits: expected true or false, found 1',
  ])
})

describe('more layers than any model has are not built', () => {
  it.each([
    ['a language model', readLlm, 'llm/config.json'],
    ['CLIP', readClip, 'clip/config.json'],
  ])('%s', (_, read, file) => {
    const text = JSON.stringify({ ...kept(file), num_hidden_layers: 1_000_000 })
    const { kind, message } = errorOf(read(text, 'config.json'))
    expect(kind).toBe('field')
    expect(message).toBe('config.json: num_hidden_layers: expected a number of layers, 1 to 512, found 1000000')
  })
  it('ConvNeXt, whose blocks are counted by their names', () => {
    const entry = { dtype: 'F32' as Dtype, shape: [4], file: 'x' }
    const names = [0, 1, 2, 3].map(stage => `visual.trunk.stages.${stage}.blocks.${stage === 2 ? 99999999 : 0}.gamma`)
    const tensors = new Map(names.map(name => [name, { ...entry, name }])) as unknown as TensorFile['tensors']
    const { kind, message } = errorOf(convNextSizes({ name: 'convnext.safetensors', tensors, metadata: new Map() }))
    expect(kind).toBe('format')
    expect(message).toContain('convnext.safetensors: visual.trunk.stages.2 has a block 99999999, expected at most 512')
  })
})

it('heads of an odd width are refused by the file that says so', () => {
  const { message } = errorOf(
    readLlm(JSON.stringify({ ...kept('llm/config.json'), hidden_size: 6, num_attention_heads: 6 }), 'config.json'),
  )
  expect(message).toContain('config.json: hidden_size: expected heads of an even width')
})
