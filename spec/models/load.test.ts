/** Checkpoint folders: every whole model of the goldens loads, and every damage is told, with what it is about, in one error. */
import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import type { SluiceError } from '../../lib/errors.ts'
import { nodeFolder } from '../../lib/node/files.ts'
import { decodePicture } from '../../lib/node/pictures.ts'
import { memoryFolder, textOf, type Folder } from '../../lib/weights/byte-source.ts'
import { byReference, openSession } from '../../models/answer/index.ts'
import { describeLoaded, load } from '../../models/load/load.ts'
import { readQuestions } from '../../models/text/index.ts'
import { goldenCases, goldenRoots } from '../golden/where.ts'
import { broken, type Recipe } from '../weights/broken-folder.ts'
import { right } from './values.ts'

const cases = goldenCases('mg-llava', 'mg-llava.json')

describe('checkpoint folders', () => {
  it('are there', () => expect(cases.length).toBeGreaterThan(0))
  for (const { name, folder } of cases)
    it(`${name} loads, and nothing in it is a surprise`, async () => {
      const loaded = right(await load(nodeFolder(folder))())
      expect(loaded.unused.filter(({ why }) => why === undefined)).toEqual([])
      expect(describeLoaded(loaded)).toContain(`${loaded.weights.size} tensors`)
    })
})

const filesOf = (folder: string, inside = ''): [string, Uint8Array][] =>
  readdirSync(join(folder, inside), { withFileTypes: true }).flatMap(entry => {
    const file = inside === '' ? entry.name : `${inside}/${entry.name}`
    return entry.isDirectory() ? filesOf(folder, file) : [[file, new Uint8Array(readFileSync(join(folder, file)))]]
  })

const list = goldenRoots('mg-llava')
  .map(root => join(root, 'broken.json'))
  .find(file => existsSync(file))
const recipes: readonly Recipe[] = list === undefined ? [] : JSON.parse(readFileSync(list, 'utf8'))

const brokenFolder = async (recipe: Recipe): Promise<Folder> => {
  const files = new Map(filesOf(cases.find(({ name }) => name === recipe.case)!.folder))
  const changed = await broken(files.get(recipe.file)!, recipe.change)
  if (changed === undefined) files.delete(recipe.file)
  else files.set(recipe.file, changed)
  return memoryFolder(recipe.case, files)
}
const expectTold = (recipe: Recipe, result: E.Either<SluiceError, unknown>) => {
  if (recipe.outcome === 'ok') right(result)
  if (recipe.outcome !== 'error') return
  const said = E.isLeft(result) ? result.left.message : 'nothing was wrong'
  for (const words of recipe.mentions) expect(said).toContain(words)
}

describe.skipIf(recipes.length === 0)('broken folders', () => {
  for (const recipe of recipes.filter(({ when }) => when === 'load'))
    it(recipe.name, async () => {
      const result = await load(await brokenFolder(recipe))()
      expectTold(recipe, result)
      if (recipe.outcome !== 'report') return
      const surprises = right(result).unused.filter(({ why }) => why === undefined)
      for (const words of recipe.mentions) expect(surprises.map(({ name }) => name).join(' ')).toContain(words)
    })

  for (const recipe of recipes.filter(({ when }) => when === 'run'))
    it(`${recipe.name}, found when asked`, async () => {
      const files = await brokenFolder(recipe)
      const model = right(await load(files)())
      const session = openSession(model, { files, decode: decodePicture }, byReference)
      const asked = await F.pipe(
        files.open('questions.json'),
        TE.flatMap(textOf),
        TE.flatMapEither(text => readQuestions(text, 'questions.json', { needBoxes: 'boxes' in model.parts })),
        TE.flatMap(TE.traverseSeqArray(question => session.ask(question, { maxNewTokens: 1 }))),
      )()
      expectTold(recipe, asked)
    })
})
