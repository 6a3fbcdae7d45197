/**
 * Every reader of files that come from outside, each with damaged files to read. A reader must give a value that can be used or a
 * typed error: what it gives is used here, as the library would. A new reader is a new entry.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import { either as E } from 'fp-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { bytesSource, memoryFolder, utf8 } from '../../lib/weights/byte-source.ts'
import { openTensorFile } from '../../lib/weights/open-weights.ts'
import { readSafetensors } from '../../lib/weights/safetensors.ts'
import { sizeOf, type TensorFile } from '../../lib/weights/tensor-file.ts'
import { readTorch } from '../../lib/weights/torch-pickle.ts'
import { readBoxes, readVideoBoxes } from '../../models/boxes/index.ts'
import { load } from '../../models/load/index.ts'
import { readQuestions, readTokenizer, type Tokenizer } from '../../models/text/index.ts'
import { concatenated, fromHex, little, membersOf, safetensorsWith, storedZip } from '../weights/file-makers.ts'
import { mutated, mutatedJson } from './mutations.ts'

export interface Reader {
  /** what a message about it must name */
  readonly file: string
  /** cases of every thousand */
  readonly share: number
  readonly cases: fc.Arbitrary<Uint8Array>
  /** an exception or a wrong value is a rejection */
  readonly read: (bytes: Uint8Array) => Promise<E.Either<SluiceError, unknown>>
}

const golden = fileURLToPath(new URL('../golden', import.meta.url))
const kept = (file: string): Uint8Array => new Uint8Array(readFileSync(join(golden, file)))
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)
const parsed = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes))

/** JSON damaged as bytes and as a value. */
const json = (...seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc.oneof(...seeds.flatMap(seed => [mutated(seed), mutatedJson(parsed(seed)), mutatedJson(parsed(seed))]))

// ---- weights -------------------------------------------------------------------------------------------------------
const file = 'folder/weights'
/** All tensors, read: as many numbers as the shape says, or an error. */
const usedTensors = async (read: E.Either<SluiceError, TensorFile>): Promise<E.Either<SluiceError, unknown>> => {
  if (E.isLeft(read)) return read
  for (const { name, shape, read: numbers } of read.right.tensors.values()) {
    const data = await numbers()
    if (E.isLeft(data)) return data
    if (data.right.length !== sizeOf(shape))
      throw new Error(`${name} is [${shape.join(', ')}] and has ${data.right.length} numbers`)
  }
  return read
}
const weights = (reader: typeof readTorch, share: number, cases: fc.Arbitrary<Uint8Array>): Reader => ({
  file,
  share,
  cases,
  read: async bytes => usedTensors(await reader(bytesSource(file, bytes))()),
})

const header = {
  __metadata__: { format: 'pt' },
  'a.weight': { dtype: 'F16', shape: [3, 4], data_offsets: [0, 24] },
  'a.bias': { dtype: 'F32', shape: [4], data_offsets: [24, 40] },
  ids: { dtype: 'I64', shape: [2, 1], data_offsets: [40, 56] },
}
const numbers = new Uint8Array(56)
const headerBytes = 8 + JSON.stringify(header).length

const pickle = membersOf(kept('torch/framework.pth'))
const withPickle = (program: Uint8Array): Uint8Array => storedZip(new Map([...pickle, ['framework/data.pkl', program]]))
const programs = fc
  .array(
    fc.oneof(
      // opcodes without an argument, marks and ends of groups among them
      fc
        .constantFrom(
          ...fromHex('28303132708889' + '4e2974858687' + '5d6c61657d647375' + '8f9091' + '9352' + '6f8192625194'),
        )
        .map(b => Uint8Array.of(b)),
      fc
        .constantFrom(
          'cposix\nsystem\n',
          'ctorch._utils\n_rebuild_tensor_v2\n',
          'ccollections\nOrderedDict\n',
          'ctorch\nFloatStorage\n',
          'iposix\nsystem\n',
          'I7\n',
          'L9L\n',
          "S'rm -rf /'\n",
          'Vstorage\n',
          'p0\n',
          'g0\n',
        )
        .map(ascii),
      fc
        .constantFrom('state_dict', 'storage', '0', 'cpu')
        .map(text => concatenated(ascii('X'), little(4, text.length), ascii(text))),
      fc.nat({ max: 255 }).map(n => Uint8Array.of(0x4b, n)),
      fc.nat({ max: 3 }).map(n => Uint8Array.of(0x68, n)),
      fc.nat({ max: 3 }).map(n => Uint8Array.of(0x71, n)),
      fc.uint8Array({ maxLength: 9 }),
    ),
    { maxLength: 60 },
  )
  .map(steps => concatenated(fromHex('8002'), ...steps, ascii('.')))

const small = new Map([
  ['archive/data.pkl', fromHex('80027d2e')],
  ['archive/version', ascii('3\n')],
])
const index = ascii(
  JSON.stringify({ metadata: { total_size: 8 }, weight_map: { a: '1.safetensors', b: '2.safetensors' } }),
)
const shard = (name: string): Uint8Array =>
  safetensorsWith({ [name]: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, new Uint8Array(8))
const sharded: Reader = {
  file: 'folder',
  share: 30,
  cases: json(index),
  read: async bytes => {
    const files = { '1.safetensors': shard('a'), '2.safetensors': shard('b'), 'model.safetensors.index.json': bytes }
    const folder = memoryFolder('folder', new Map(Object.entries(files)))
    return usedTensors(await openTensorFile(folder, 'model.safetensors.index.json')())
  },
}

// ---- texts ---------------------------------------------------------------------------------------------------------
const text = (
  share: number,
  seeds: readonly Uint8Array[],
  read: (text: string, file: string) => E.Either<SluiceError, unknown>,
): Reader => ({
  file: 'folder/file.json',
  share,
  cases: json(...seeds),
  read: async bytes =>
    E.flatMap((content: string) => read(content, 'folder/file.json'))(utf8('folder/file.json', bytes)),
})
const said = 'A photo of <image>\n<region> naïve 東京 </s>'
const readAndUseTokenizer = (content: string, name: string): E.Either<SluiceError, unknown> =>
  E.map((tokenizer: Tokenizer) => {
    const ids = tokenizer.encode(said)
    if (!ids.every(id => Number.isInteger(id) && id >= 0 && id < 512)) throw new Error(`'${said}' has the ids ${ids}`)
    return tokenizer.decode(ids)
  })(readTokenizer(content, name, 512))

// ---- a folder of parts ---------------------------------------------------------------------------------------------
const whole = 'mg-llava/conv-gate-vicuna'
const parts = new Map(
  readdirSync(join(golden, whole), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .map(path => [
      path.slice(join(golden, whole).length + 1).replaceAll('\\', '/'),
      new Uint8Array(readFileSync(path)),
    ]),
)
/** A file of weights whose header says something else. */
const headers = (name: string): fc.Arbitrary<Uint8Array> => {
  const bytes = parts.get(name)!
  const end = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))
  return mutatedJson(parsed(bytes.subarray(8, end))).map(said =>
    concatenated(little(8, said.length), said, bytes.subarray(end)),
  )
}
/** A folder with one damaged file, opened as a model: its graph is built, its tensors are fitted, no number is read. */
const inFolder = (name: string, share: number, cases = json(parts.get(name)!)): Reader => ({
  file: 'folder',
  share,
  cases,
  read: bytes => load(memoryFolder('folder', new Map([...parts, [name, bytes]])))(),
})

const convNext = 'convnext/open_clip_model.safetensors'
const street = kept(`${whole}/street.boxes.json`)
const listed = ascii(JSON.stringify([{ id: 7, boxes: [], scores: [], labels: [] }, parsed(street)]))

export const readers: Readonly<Record<string, Reader>> = {
  'safetensors, its header': weights(readSafetensors, 130, mutated(safetensorsWith(header, numbers), headerBytes)),
  'safetensors, its data': weights(readSafetensors, 30, mutated(safetensorsWith(header, numbers))),
  'safetensors, what its header says': weights(
    readSafetensors,
    100,
    mutatedJson(header).map(bytes => concatenated(little(8, bytes.length), bytes, numbers)),
  ),
  'an index of shards': sharded,
  'a zip': weights(readTorch, 40, fc.oneof(mutated(storedZip(small)), mutated(storedZip(small, { zip64: true })))),
  'a checkpoint': weights(
    readTorch,
    100,
    fc.oneof(...['bare', 'protocol-3', 'protocol-4', 'protocol-5'].map(name => mutated(kept(`torch/${name}.pth`)))),
  ),
  'a pickle': weights(readTorch, 100, mutated(pickle.get('framework/data.pkl')!).map(withPickle)),
  'a pickle that nobody wrote': weights(readTorch, 100, programs.map(withPickle)),
  'a tokenizer': text(
    60,
    ['conv-gate-vicuna', 'conv-gate-llama3', 'conv-gate-yi'].map(name => kept(`text/${name}/llm/tokenizer.json`)),
    readAndUseTokenizer,
  ),
  boxes: text(90, [street, listed], (content, name) => readBoxes(content, name, 'street')),
  'boxes of a video': text(60, [kept('mg-llava/video/clip.boxes.json')], (content, name) =>
    readVideoBoxes(content, name, 3),
  ),
  questions: text(60, [kept(`${whole}/questions.json`), kept('mg-llava/video/questions.json')], (content, name) =>
    readQuestions(content, name, { needBoxes: true }),
  ),
  'weights of a folder': inFolder(convNext, 20, headers(convNext)),
  'mg-llava.json': inFolder('mg-llava.json', 20),
  'config.json of CLIP': inFolder('clip/config.json', 20),
  'preprocessor_config.json': inFolder('clip/preprocessor_config.json', 10),
  'config.json of a language model': inFolder('llm/config.json', 20),
  'tokenizer_config.json': inFolder('llm/tokenizer_config.json', 10),
}
