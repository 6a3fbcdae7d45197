/**
 * Every golden case under some roots, in the order of their names. The area of a case is its nearest ancestor folder named
 * ops, vision, mg-llava, training, detect or eval; what else is found (texts, weights of other tests) belongs to no area.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import * as detect from './adapters/detect.ts'
import * as evaluation from './adapters/eval.ts'
import * as mgLlava from './adapters/mg-llava.ts'
import * as ops from './adapters/ops.ts'
import * as training from './adapters/training.ts'
import * as vision from './adapters/vision.ts'
import type { Machine } from './machine.ts'
import { areas, type Area, type GoldenCase, type Verdict } from './judge.ts'

export interface Adapter {
  /** the cases that a folder holds itself, under this name; none if it is no case folder */
  readonly casesIn: (folder: string, name: string) => readonly GoldenCase[]
  /** verdicts of the cases of one group, in their order */
  readonly check: (cases: readonly GoldenCase[], machine: Machine) => Promise<readonly Verdict[]>
}
const adapters: Readonly<Record<Area, Adapter>> = {
  ops,
  vision,
  'mg-llava': { casesIn: mgLlava.casesIn, check: mgLlava.check },
  training,
  detect,
  eval: evaluation,
}

const isArea = (name: string): name is Area => (areas as readonly string[]).includes(name)
/** The area that a folder inherits from those above it. */
const areaAbove = (folder: string): Area | undefined => {
  const name = basename(folder)
  if (isArea(name)) return name
  const above = dirname(folder)
  return above === folder ? undefined : areaAbove(above)
}

/** All cases, without the folders that another case names as its model. */
export const findCases = (roots: readonly string[]): readonly GoldenCase[] => {
  const found = roots.flatMap(root => {
    const base = resolve(root)
    if (!existsSync(base)) throw new Error(`no such folder: ${root}`)
    const area = areaAbove(base)
    // the name of an area shows even where the root is the area itself, or a case of it
    const top = area === undefined ? base : ancestorOf(base, area)
    return walk(base, area, folder => relative(top, folder).split(sep).join('/'))
  })
  const models = new Set(found.flatMap(({ folder }) => modelOf(folder)))
  return found.filter(({ folder }) => !models.has(folder))
}
const ancestorOf = (folder: string, area: Area): string =>
  basename(folder) === area ? dirname(folder) : ancestorOf(dirname(folder), area)

const walk = (folder: string, area: Area | undefined, nameOf: (folder: string) => string): readonly GoldenCase[] => {
  const own = area === undefined ? [] : adapters[area].casesIn(folder, nameOf(folder))
  const below = readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
    .sort()
  return [...own, ...below.flatMap(name => walk(join(folder, name), isArea(name) ? name : area, nameOf))]
}
const modelOf = (folder: string): readonly string[] => {
  const file = join(folder, 'case.json')
  if (!existsSync(file)) return []
  const { model } = JSON.parse(readFileSync(file, 'utf8')) as { model?: unknown }
  return typeof model === 'string' ? [resolve(folder, model)] : []
}

/** Cases by group, in their order. */
export const inGroups = (cases: readonly GoldenCase[]): readonly (readonly GoldenCase[])[] => {
  const groups = new Map<string, GoldenCase[]>()
  for (const one of cases) {
    const group = groups.get(one.group)
    if (group === undefined) groups.set(one.group, [one])
    else group.push(one)
  }
  return [...groups.values()]
}

/** The verdicts of the cases of one group. */
export const checkGroup = (cases: readonly GoldenCase[], machine: Machine): Promise<readonly Verdict[]> =>
  adapters[cases[0]!.area].check(cases, machine)
