/**
 * Makes the part of the reference data that a clone brings, from a full set: `node spec/golden/subset.mjs [FROM]`, where
 * FROM is ../shared/golden unless given. Every op, every part and every family of language models is covered. Of op files
 * only the cases are kept that are small; whole folders are copied otherwise, with the generators and their READMEs.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const from = process.argv[2] ?? join(here, '..', '..', '..', 'shared', 'golden')

const whole = [
  ...['README.md', 'make.py', 'reference.py', 'number_formats.py', 'check.py', 'config.json', 'refused.json'].map(
    name => `ops/${name}`,
  ),
  ...['README.md', 'make.py', 'config.json', 'recipes', 'clip', 'convnext', 'fusion', 'roi', 'boxes'].map(
    name => `vision/${name}`,
  ),
  ...['README.md', 'make.py', 'reference.py', 'pictures.py', 'tokens.py', 'check.py', 'cases.json'].map(
    name => `mg-llava/${name}`,
  ),
  ...['baseline', 'conv-gate-llama3', 'conv-gate-phi3', 'conv-gate-vicuna', 'conv-gate-yi', 'resampler', 'video'].map(
    name => `mg-llava/${name}`,
  ),
  ...['README.md', 'make.py', 'config.json', 'parts', 'schedule', 'sampler', 'blocks'].map(name => `training/${name}`),
  ...['lm/llama-gqa', 'lora/llama-queries-and-values', 'two-stage/f-to-b'].map(name => `training/${name}`),
  ...['accumulation-2', 'boxes.json', 'images', 'model', 'samples.safetensors', 'train.json'].map(
    name => `training/two-stage/vicuna/${name}`,
  ),
  ...['encode-vicuna', 'encode-phi3_chat', 'batch-vicuna', 'tokenizers/llama-2-like', 'tokenizers/phi-3-like'].map(
    name => `training/prompts/${name}`,
  ),
]
/** Pictures of every kind of file; the large ones stay behind. */
const mostPictureBytes = 150_000
/** A case with more bytes stays behind, unless it is the only one to show the limit of a dispatch dimension. */
const mostCaseBytes = 100_000
const kept = new Set(['softmax/rows66001'])

const copy = path => {
  const to = join(here, path)
  mkdirSync(dirname(to), { recursive: true })
  cpSync(join(from, path), to, { recursive: true })
}

// ---- ops -------------------------------------------------------------------------------------------------------------
const readTensors = file => {
  const bytes = readFileSync(file)
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const { __metadata__: metadata, ...tensors } = JSON.parse(bytes.toString('utf8', 8, start))
  const data = ([first, end]) => bytes.subarray(start + first, start + end)
  return { metadata, tensors: Object.entries(tensors).map(([name, t]) => ({ name, ...t, data: data(t.data_offsets) })) }
}
/** Tensors in their order, each at a multiple of 8 bytes. */
const writeTensors = (file, { metadata, tensors }) => {
  let at = 0
  const header = metadata === undefined ? {} : { __metadata__: metadata }
  const parts = []
  for (const { name, dtype, shape, data } of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.length] }
    parts.push(data)
    at += data.length
  }
  const text = JSON.stringify(header)
  const padded = Buffer.from(text.padEnd(text.length + ((8 - (text.length % 8)) % 8)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(padded.length))
  writeFileSync(file, Buffer.concat([length, padded, ...parts]))
}
const ops = () => {
  const listed = JSON.parse(readFileSync(join(from, 'ops/cases.json'), 'utf8'))
  const cases = []
  for (const [op, { file }] of Object.entries(listed.ops)) {
    const { metadata, tensors } = readTensors(join(from, 'ops', file))
    const caseOf = name => name.split('/')[0]
    const bytes = new Map()
    for (const { name, data } of tensors) bytes.set(caseOf(name), (bytes.get(caseOf(name)) ?? 0) + data.length)
    const stays = name => (bytes.get(name) ?? 0) <= mostCaseBytes || kept.has(`${op}/${name}`)
    cases.push(...listed.cases.filter(one => one.op === op && stays(one.name)))
    writeTensors(join(here, 'ops', file), { metadata, tensors: tensors.filter(({ name }) => stays(caseOf(name))) })
  }
  writeFileSync(join(here, 'ops/cases.json'), `${JSON.stringify({ ...listed, cases })}\n`)
  console.log(`ops: ${cases.length} of ${listed.cases.length} cases`)
}

const bytesOf = folder => readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
const pictures = () => {
  const names = readdirSync(join(from, 'vision/preprocess'))
  for (const name of names) {
    const folder = `vision/preprocess/${name}`
    if (bytesOf(join(from, folder)) <= mostPictureBytes) copy(folder)
  }
}

if (!existsSync(from)) throw new Error(`no such folder: ${from}`)
mkdirSync(join(here, 'ops'), { recursive: true })
whole.forEach(copy)
pictures()
ops()
