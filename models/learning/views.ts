/**
 * Learning with frozen towers: what they give of a picture never changes, so it is computed once and kept, and a step of training is the
 * fusion, the projectors and the language model alone. All variants of a model that share their towers learn from the same views.
 */
import { function as F, taskEither as TE } from 'fp-ts'
import type { Door } from '../../lib/errors.ts'
import {
  inputOf,
  compile,
  topological,
  value,
  type AnyTensor,
  type CompileOptions,
  type Feeds,
  type Value,
} from '../../lib/index.ts'
import { seenTokens, towerViews, type MgLlavaParts, type SeenTokens, type TowerViews } from '../mg-llava.ts'
import {
  countOfBoxes,
  learningFrom,
  shownFeeds,
  shownTogether,
  type Learning,
  type PlacedSample,
  type Sample,
} from './answers.ts'

/** What the towers give of one picture, by name. */
export type KeptViews = Readonly<Record<string, Value>>
/** A text to learn from, and what the towers gave of its picture. */
export interface ViewedSample extends PlacedSample {
  readonly shot?: { readonly boxes?: Value; readonly views: KeptViews }
}

const prefix = 'views.'
const ofBoxes = ['features', 'places']
/** Views under names of inputs. */
const byName = ({ low, maps, features, places }: TowerViews): Readonly<Record<string, AnyTensor>> => ({
  [`${prefix}low`]: low,
  ...Object.fromEntries(maps.map((map, stage) => [`${prefix}stage${stage}`, map])),
  ...(features === undefined ? {} : { [`${prefix}features`]: features }),
  ...(places === undefined ? {} : { [`${prefix}places`]: places }),
})

/** Tokens of what the towers gave, and what they are fed of samples. */
const tokensOfViews = (
  parts: MgLlavaParts,
): { readonly seen: SeenTokens; readonly feeds: (samples: readonly ViewedSample[]) => Feeds } => {
  const shown = shownTogether(parts)
  const views = towerViews(parts)(shown)
  const given = Object.fromEntries(
    Object.entries(byName(views)).map(([name, { shape }]) => [name, inputOf(name, shape as never) as AnyTensor]),
  )
  const of = (name: string): AnyTensor => given[`${prefix}${name}`]!
  const seen = seenTokens(parts)({
    low: of('low'),
    maps: views.maps.map((_, stage) => of(`stage${stage}`)),
    ...(views.features === undefined ? {} : { features: of('features'), places: of('places') }),
    known: shown.known,
  })
  return { seen, feeds: samples => viewsFeeds(samples, given) }
}
/** The model of these parts as it learns from what its towers gave; their weights are not read. */
export const learningFromViews = (parts: MgLlavaParts): Learning<ViewedSample> => {
  const { seen, feeds } = tokensOfViews(parts)
  return learningFrom(parts, seen, feeds)
}
/** The names of the views that some learning asks for. */
export const viewsAsked = ({ loss }: Pick<Learning, 'loss'>): readonly string[] =>
  topological([loss]).flatMap(node =>
    node.role === 'input' && node.name.startsWith(prefix) ? [node.name.slice(prefix.length)] : [],
  )

/** Values of pictures as one, each with as many rows as the most have where they are of boxes. */
const together = (values: readonly Value[]): Value => {
  const rows = Math.max(...values.map(v => v.shape[0]!))
  const rest = values[0]!.shape.slice(1)
  const each = rows * rest.reduce((a, b) => a * b, 1)
  const data = new Float32Array(values.length * each)
  values.forEach((v, k) => data.set(v.data, k * each))
  return value([values.length, rows, ...rest], data)
}
/** Kept views as what is fed for the inputs of these names; texts alone show none. */
const viewsFeeds = (samples: readonly ViewedSample[], given: Readonly<Record<string, AnyTensor>>): Feeds => {
  const shots = samples.flatMap(({ shot }) => (shot === undefined ? [] : [shot]))
  const fed = ([name, { shape }]: readonly [string, AnyTensor]): readonly (readonly [string, Value])[] => {
    const kept = shots.flatMap(({ views }) => views[name.slice(prefix.length)] ?? [])
    if (kept.length > 0) return [[name, together(kept)]]
    const none = [0, ...shape.slice(1).map(d => (typeof d === 'number' ? d : 0))]
    return shots.length === 0 ? [[name, value(none, new Float32Array(0))]] : []
  }
  const most = Math.max(0, ...samples.map(countOfBoxes))
  const known = shots.flatMap(({ boxes }) => Array.from({ length: most }, (_, k) => Number(k < (boxes?.shape[0] ?? 0))))
  return {
    ...Object.fromEntries(Object.entries(given).flatMap(fed)),
    known: value([shots.length, most], known, 'index'),
  }
}

export interface OpenTowers {
  /** What the towers give of each picture; samples without one are not looked at. */
  readonly look: (samples: readonly Sample[]) => Door<readonly KeptViews[]>
  readonly dispose: () => void
}
/** The towers of these parts, ready to look at pictures for the views of these names. Errors: those of compiling and running. */
export const openTowers = (
  parts: MgLlavaParts,
  asked: readonly string[],
  options: Pick<CompileOptions, 'weights' | 'device' | 'storage'>,
): Door<OpenTowers> => {
  const views = byName(towerViews(parts)(shownTogether(parts)))
  const outputs = Object.fromEntries(asked.map(name => [name, views[`${prefix}${name}`]!]))
  const inputs = topological(Object.values(outputs)).flatMap(node => (node.role === 'input' ? [node.name] : []))
  return F.pipe(
    compile(outputs, options),
    TE.map(({ run, dispose }): OpenTowers => ({
      dispose,
      look: samples => {
        const fed = shownFeeds(parts, samples)
        const shots = samples.filter(({ shot }) => shot !== undefined)
        const ran = run(Object.fromEntries(inputs.map(name => [name, fed[name]!])))
        return TE.map((values: KeptViews) => shots.map((sample, k) => viewOf(values, k, countOfBoxes(sample))))(ran)
      },
    })),
  )
}
const viewOf = (values: KeptViews, k: number, boxes: number): KeptViews =>
  Object.fromEntries(
    Object.entries(values).map(([name, { shape, data }]) => {
      const [, rows = 1, ...rest] = shape
      const row = rest.reduce((a, b) => a * b, 1)
      const kept = ofBoxes.includes(name) ? boxes : rows
      return [name, value([kept, ...rest], data.slice(k * rows * row, k * rows * row + kept * row))]
    }),
  )
