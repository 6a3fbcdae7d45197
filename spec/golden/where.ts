/**
 * Where reference data lies. A clone brings a small part of it (spec/golden/); a fuller set may lie beside the project
 * (../shared/golden) or wherever SLUICE_GOLDEN points, and is then used instead. An area is a path such as
 * 'vision/boxes'; its format is described in the README of the reference data.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const project = join(here, '..', '..')

/** The folders that hold an area of golden data, fullest first. Empty if there is none. */
export const goldenRoots = (area: string): string[] =>
  [process.env.SLUICE_GOLDEN, join(project, '..', 'shared', 'golden'), here]
    .filter(root => root !== undefined)
    .map(root => join(root, area))
    .filter(root => existsSync(root))

/** The case folders of an area, from the fullest root that has it: every sub-folder that holds the file `marker`. */
export const goldenCases = (
  area: string,
  marker = 'case.json',
): { readonly name: string; readonly folder: string }[] => {
  const root = goldenRoots(area)[0]
  if (root === undefined) return []
  return readdirSync(root)
    .sort()
    .map(name => ({ name, folder: join(root, name) }))
    .filter(({ folder }) => existsSync(join(folder, marker)))
}

/** The folder of a named data set (../shared/data, or a small part of it in spec/golden/data), if there is one. */
export const dataRoot = (name: string): string | undefined =>
  [process.env.SLUICE_DATA, join(project, '..', 'shared', 'data'), join(here, 'data')]
    .filter(root => root !== undefined)
    .map(root => join(root, name))
    .find(root => existsSync(root))
