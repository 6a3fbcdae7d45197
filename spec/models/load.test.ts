/** Checkpoint folders: every whole model of the goldens loads, and every damage is told, with what it is about, in one error. */
import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { nodeFolder } from '../../lib/node/files.ts'
import { memoryFolder } from '../../lib/weights/byte-source.ts'
import { describeLoaded, load } from '../../models/load/load.ts'
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

describe.skipIf(recipes.length === 0)('broken folders', () => {
  for (const recipe of recipes.filter(({ when }) => when === 'load'))
    it(recipe.name, async () => {
      const files = new Map(filesOf(cases.find(({ name }) => name === recipe.case)!.folder))
      const changed = await broken(files.get(recipe.file)!, recipe.change)
      if (changed === undefined) files.delete(recipe.file)
      else files.set(recipe.file, changed)
      const result = await load(memoryFolder(recipe.case, files))()
      if (recipe.outcome === 'error') {
        expect(result._tag).toBe('Left')
        const said = result._tag === 'Left' ? result.left.message : ''
        for (const words of recipe.mentions) expect(said).toContain(words)
      }
      if (recipe.outcome === 'report') {
        const surprises = right(result).unused.filter(({ why }) => why === undefined)
        for (const words of recipe.mentions) expect(surprises.map(({ name }) => name).join(' ')).toContain(words)
      }
      if (recipe.outcome === 'ok') right(result)
    })
})
