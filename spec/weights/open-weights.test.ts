/** Weights of a folder in every form they are published in, and every golden way to break them. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import type { SluiceError } from '../../lib/errors.ts'
import { nodeFolder } from '../../lib/node/files.ts'
import { type Folder, memoryFolder } from '../../lib/weights/byte-source.ts'
import { fitTensors } from '../../lib/weights/fit.ts'
import { openTensorFile, openWeights } from '../../lib/weights/open-weights.ts'
import { type TensorFile, floatTensor, isFloat, sizeOf } from '../../lib/weights/tensor-file.ts'
import { type Recipe, broken } from './broken-folder.ts'
import { safetensorsWith } from './file-makers.ts'
import { golden, opened, refused } from './golden-files.ts'

const ascii = (text: string) => new TextEncoder().encode(text)
const oneTensor = (name: string) =>
  safetensorsWith({ [name]: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }, new Uint8Array(8))
const index = (map: Record<string, unknown>) => ascii(JSON.stringify({ weight_map: map }))
const folderOf = (files: Record<string, Uint8Array>) => memoryFolder('llm', new Map(Object.entries(files)))

describe('openWeights', () => {
  it('takes the first candidate that is there', async () => {
    const folder = folderOf({ 'model.safetensors': oneTensor('a'), 'open_clip_model.safetensors': oneTensor('b') })
    expect([...(await opened(openWeights(folder))).tensors.keys()]).toEqual(['a'])
    expect([...(await opened(openWeights(folder, ['open_clip_model.safetensors']))).tensors.keys()]).toEqual(['b'])
  })
  it('names what it looked for and what is there instead', async () => {
    const error = await refused(openWeights(folderOf({ 'model.ckpt': ascii('') })))
    expect(error.kind).toBe('missing file')
    for (const text of ['llm', 'model.safetensors', 'pytorch_model.bin', 'model.ckpt'])
      expect(error.message).toContain(text)
  })
})

describe('shards', () => {
  const files = { '1.safetensors': oneTensor('a'), '2.safetensors': oneTensor('b') }
  const map = { a: '1.safetensors', b: '2.safetensors' }
  const open = (extra: Record<string, Uint8Array>, dropped: readonly string[] = []) => {
    const all = { ...files, 'model.safetensors.index.json': index(map), ...extra }
    return openWeights(folderOf(Object.fromEntries(Object.entries(all).filter(([name]) => !dropped.includes(name)))))
  }
  it('become one file, in the order of the index', async () => {
    const file = await opened(open({}))
    expect([...file.tensors].map(([name, entry]) => [name, entry.file])).toEqual([
      ['a', 'llm/1.safetensors'],
      ['b', 'llm/2.safetensors'],
    ])
  })
  it('all that are missing are named, and so are tensors that are not where the index says', async () => {
    const error = await refused(
      open({ 'model.safetensors.index.json': index({ ...map, c: '1.safetensors', d: '3.safetensors' }) }, [
        '2.safetensors',
      ]),
    )
    for (const text of [
      'llm/2.safetensors: there is no such file',
      'llm/3.safetensors: there is no such file',
      'llm/1.safetensors: c is not there',
    ])
      expect(error.message).toContain(text)
  })
  it.each(['../a.safetensors', '/a.safetensors', 'C:\\a.safetensors', 'x/../../a', '..\\a', '', 7, null])(
    '%j is no name of a shard',
    async name => {
      const error = await refused(open({ 'model.safetensors.index.json': index({ a: name }) }))
      expect(error).toMatchObject({ kind: 'field', message: expect.stringContaining(JSON.stringify(name)) as string })
    },
  )
  it('an index that names itself ends', async () => {
    const error = await refused(open({ 'model.safetensors.index.json': index({ a: 'model.safetensors.index.json' }) }))
    expect(error).toMatchObject({ kind: 'field', message: expect.stringContaining('found an index') as string })
  })
  it.each([
    ['not JSON', '{"weight_map": ', 'format', 'JSON'],
    ['no map', '{}', 'field', 'weight_map'],
    ['a list as map', '{"weight_map": []}', 'field', 'weight_map'],
    ['no object', 'null', 'field', 'weight_map'],
  ])('an index with %s', async (_, text, kind, mention) => {
    const error = await refused(open({ 'model.safetensors.index.json': ascii(text) }))
    expect(error.kind).toBe(kind)
    expect(error.message).toContain(mention)
  })
})

describe('fitTensors', () => {
  const file: TensorFile = {
    name: 'mg_llava.pth',
    tensors: new Map(
      [
        floatTensor('box_projector.model.0.weight', [2, 3], new Float32Array(6)),
        floatTensor('gate.weight', [4], new Float32Array(4)),
      ].map(entry => [entry.name, entry]),
    ),
    metadata: new Map(),
  }
  it('gives the wanted tensors and the names of the rest', () => {
    const fitted = fitTensors(file, [{ name: 'gate.weight', shape: [4] }])
    expect(E.isRight(fitted) && [[...fitted.right.tensors.keys()], fitted.right.unused]).toEqual([
      ['gate.weight'],
      ['box_projector.model.0.weight'],
    ])
  })
  it('tells every misfit, and the nearest name', () => {
    const fitted = fitTensors(file, [
      { name: 'gate.weight', shape: [5] },
      { name: 'bbox_projector.model.0.weight', shape: [2, 3] },
      { name: 'norm', shape: [] },
    ])
    expect(E.isLeft(fitted) && fitted.left.message.split('\n')).toEqual([
      'memory: gate.weight needs [5], found [4]',
      'mg_llava.pth: bbox_projector.model.0.weight needs [2, 3], but is missing; nearest name: box_projector.model.0.weight',
      'mg_llava.pth: norm needs [], but is missing',
    ])
  })
})

const goldenRoot = golden('mg-llava')

const isWeights = (path: string) => /\.(safetensors|index\.json|bin|pth)$/.test(path)
const loose: Record<string, string> = { 'tensor shape': 'shape' }
const kindsOf = (error: SluiceError): readonly string[] =>
  error.kind === 'several' ? error.errors.flatMap(kindsOf) : [loose[error.kind] ?? error.kind]

describe.skipIf(goldenRoot === undefined)('golden folders', () => {
  const root = goldenRoot ?? ''
  it('every file of weights is read, every number in it is finite', { timeout: 120_000 }, async () => {
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(isWeights)
    expect(files.filter(path => /\.(pth|bin)$/.test(path)).length).toBeGreaterThanOrEqual(27)
    for (const path of files) {
      const file = await opened(openTensorFile(nodeFolder(root), path))
      expect(file.tensors.size, path).toBeGreaterThan(0)
      for (const [name, entry] of file.tensors) {
        const data = await opened(entry.read)
        expect(data.length, `${path} ${name}`).toBe(sizeOf(entry.shape))
        expect(data.every(Number.isFinite), `${path} ${name}`).toBe(true)
      }
    }
  })

  it('the trained parts have their public names', async () => {
    const folder = nodeFolder(root).within('conv-gate-vicuna')
    const names = [...(await opened(openTensorFile(folder, 'mg_llava.pth'))).tensors.keys()]
    const parts = ['slow_conv', 'slow_proj', 'fast_conv', 'fast_proj', 'gate.0', 'gate.2'].map(
      part => `fuse_module.${part}`,
    )
    const projectors = ['projector', 'bbox_projector'].flatMap(part => [0, 2].map(i => `${part}.model.${i}`))
    const expected = [...parts, ...projectors].flatMap(part => [`${part}.weight`, `${part}.bias`])
    expect(new Set(names)).toEqual(new Set(expected))
  })

  const recipes =
    goldenRoot === undefined ? [] : (JSON.parse(readFileSync(`${root}/broken.json`, 'utf8')) as readonly Recipe[])
  const ofWeights = recipes.filter(({ name }) =>
    /^(weights|shard|checkpoint)-|^convnext-(cut|pickle|scale|block)|^clip-tensor/.test(name),
  )

  /** The files of a part as memory, broken, and how they are opened. */
  const attempt = async (recipe: Recipe, damage: boolean): Promise<E.Either<SluiceError, TensorFile>> => {
    const [part, file] = recipe.file.includes('/') ? (recipe.file.split('/') as [string, string]) : ['', recipe.file]
    const path = `${root}/${recipe.case}/${part}`
    const files = new Map<string, Uint8Array>()
    for (const name of readdirSync(path).filter(isWeights)) files.set(name, readFileSync(`${path}/${name}`))
    if (damage) {
      const bytes = await broken(files.get(file)!, recipe.change)
      if (bytes) files.set(file, bytes)
      else files.delete(file)
    }
    const folder: Folder = memoryFolder(part === '' ? '.' : part, files)
    return part === '' ? openTensorFile(folder, file)() : openWeights(folder)()
  }

  it('there are recipes', () => expect(ofWeights.length).toBeGreaterThanOrEqual(45))
  it.each(ofWeights.map(recipe => [recipe.name, recipe] as const))('%s', async (_, recipe) => {
    const sound = await attempt(recipe, false)
    if (E.isLeft(sound)) throw new Error(sound.left.message)
    const wanted = [...sound.right.tensors.values()].filter(({ dtype }) => isFloat(dtype))
    const result = E.flatMap((file: TensorFile) => fitTensors(file, wanted))(await attempt(recipe, true))
    const report = E.isLeft(result) ? result.left.message : result.right.unused.join('\n')
    expect(E.isLeft(result) ? 'error' : 'report').toBe(recipe.outcome)
    if (E.isLeft(result)) expect(kindsOf(result.left)).toContain(recipe.kind)
    for (const text of recipe.mentions) expect(report).toContain(text)
    expect(existsSync('PICKLE-WAS-RUN')).toBe(false)
  })
})
