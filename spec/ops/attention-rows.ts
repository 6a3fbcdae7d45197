/**
 * Fused attention against float64 loops over its definition, row by row. Lengths are named sizes, so that one program meets every length.
 * Rows of queries do not depend on one another: of long inputs the first rows, the last and some between are compared.
 */
import { either as E } from 'fp-ts'
import {
  compile,
  evaluate,
  indexInput,
  indexInputOf,
  inputOf,
  openDevice,
  value,
  type AnyTensor,
  type Device,
  type DeviceOptions,
  type Feeds,
  type Value,
} from 'sluice'
import { attention, toTruth } from 'sluice/ops'
import { seed } from '../kit/draw.ts'
import { differs, limits } from '../tolerances.ts'

export interface AttentionCase {
  readonly name: string
  readonly batch?: number
  /** is the batch a named size, and the number of queries 1 whatever the lengths say? */
  readonly one?: boolean
  readonly heads: number
  readonly groups: number
  readonly width: number
  readonly valueWidth?: number
  /** keys are of the same tokens as queries */
  readonly self?: boolean
  readonly causal?: boolean
  /** the position of the first query, where the kernel knows it; else it is given */
  readonly offset?: number
  readonly keyMask?: boolean
  /** the shape of a bias, its last two axes queries and keys */
  readonly bias?: readonly (number | 'm' | 'n')[]
}
/** How many queries meet how many keys; queries are the last of them where it is causal. */
export interface Lengths {
  readonly queries: number
  readonly keys: number
  /** keys after the position that is given: such are NaN, to be read by nobody */
  readonly unwritten?: number
}
/** The position of the first query, and how many keys the last one sees. */
const positions = ({ causal = false, offset }: AttentionCase, { queries, keys, unwritten = 0 }: Lengths) => {
  const first = offset ?? keys - queries - unwritten
  return { first, seen: causal ? Math.min(keys, first + queries) : keys }
}

/** Numbers in ±1.5 that depend on the seed alone. */
const numbers = (count: number, seed: number): Float32Array => {
  let state = (seed * 2654435761) >>> 0
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 32 - 0.5) * 3
  })
}
const floats = (shape: readonly number[], seed: number): Value =>
  value(
    shape,
    numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  )

export const graphOf = (of: AttentionCase): AnyTensor => {
  const { heads, groups, width, valueWidth = width, batch, one = false, self = false, causal = false } = of
  const lead = one ? ['b'] : batch === undefined ? [] : [batch]
  const keys = self ? 'm' : 'n'
  const given = causal && of.offset === undefined
  const inputs = [
    inputOf('q', [...lead, heads, one ? 1 : 'm', width]),
    inputOf('k', [...lead, groups, keys, width]),
    inputOf('v', [...lead, groups, keys, valueWidth]),
    ...(of.bias === undefined
      ? []
      : [
          inputOf(
            'bias',
            of.bias.map(d => (d === 'n' ? keys : d)),
          ),
        ]),
    ...(of.keyMask === true ? [toTruth(indexInputOf('seen', [...lead, keys]))] : []),
    ...(given ? [indexInput('offset', [])] : []),
  ]
  const options = {
    causal,
    bias: of.bias !== undefined,
    keyMask: of.keyMask === true,
    offset: given ? 'given' : (of.offset ?? 0),
  }
  return (attention as unknown as (o: object) => (...inputs: readonly unknown[]) => AnyTensor)(options)(...inputs)
}

const feedsOf = (of: AttentionCase, lengths: Lengths, seed: number): Feeds => {
  const { queries, keys } = lengths
  const { first, seen } = positions(of, lengths)
  const { heads, groups, width, valueWidth = width, batch, causal = false } = of
  const lead = batch === undefined ? [] : [batch]
  const chance = numbers((batch ?? 1) * keys, seed + 5)
  const memory = (width: number, seed: number): Value => {
    const made = floats([...lead, groups, keys, width], seed)
    return value(
      made.shape,
      Float32Array.from(made.data, (x, i) => (Math.floor(i / width) % keys < seen ? x : NaN)),
    )
  }
  return {
    q: floats([...lead, heads, queries, width], seed),
    k: memory(width, seed + 1),
    v: memory(valueWidth, seed + 2),
    ...(of.bias === undefined
      ? {}
      : {
          bias: floats(
            of.bias.map(d => (d === 'm' ? queries : d === 'n' ? keys : d)),
            seed + 3,
          ),
        }),
    // every query sees the first key
    ...(of.keyMask === true
      ? {
          seen: value(
            [...lead, keys],
            chance.map((x, i) => Number(i % keys === 0 || x > 0)),
            'index',
          ),
        }
      : {}),
    ...(causal && of.offset === undefined ? { offset: value([], [first], 'index') } : {}),
  }
}

/** One row of the output, by the definition. */
const rowOf = (
  of: AttentionCase,
  lengths: Lengths,
  feeds: Feeds,
  [b, h, i]: readonly [number, number, number],
): Float64Array => {
  const { queries, keys } = lengths
  const { heads, groups, width, valueWidth = width, causal = false } = of
  const { first } = positions(of, lengths)
  const data = (name: string): ArrayLike<number> => (feeds[name] as Value).data
  const [q, k, v] = ['q', 'k', 'v'].map(data) as [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>]
  const g = b * groups + Math.floor((h * groups) / heads)
  const biasAt = (j: number): number => {
    const shape = (feeds['bias'] as Value).shape
    const index = [b, h, i, j].slice(4 - shape.length)
    return data('bias')[shape.reduce((at, d, axis) => at * d + (d === 1 ? 0 : index[axis]!), 0)]!
  }
  const scores = new Float64Array(keys).fill(-Infinity)
  for (let j = 0; j < keys; j++) {
    if (causal && j > i + first) continue
    if (of.keyMask === true && data('seen')[b * keys + j] === 0) continue
    let dot = 0
    for (let d = 0; d < width; d++)
      dot += q[((b * heads + h) * queries + i) * width + d]! * k[(g * keys + j) * width + d]!
    scores[j] = dot / Math.sqrt(width) + (of.bias === undefined ? 0 : biasAt(j))
  }
  const most = scores.reduce((x, y) => Math.max(x, y))
  const weights = scores.map(s => Math.exp(s - most))
  const total = weights.reduce((x, y) => x + y)
  const row = new Float64Array(valueWidth)
  for (let j = 0; j < keys; j++)
    if (weights[j]! > 0)
      for (let e = 0; e < valueWidth; e++) row[e]! += (weights[j]! / total) * v[(g * keys + j) * valueWidth + e]!
  return row
}

const some = (count: number, seed: number): readonly number[] => {
  if (count <= 10) return Array.from({ length: count }, (_, i) => i)
  const between = numbers(3, seed).map(x => Math.floor((x / 3 + 0.5) * count))
  return [...new Set([0, 7, 8, ...between, count - 3, count - 2, count - 1])]
}
/** What of an output is wrong at these lengths; undefined where nothing is. */
const wrongRow = (
  of: AttentionCase,
  lengths: Lengths,
  feeds: Feeds,
  got: ArrayLike<number>,
  seed: number,
): string | undefined => {
  const { heads, valueWidth = of.width } = of
  const tolerance = limits('attention', feeds['v'] as Value)
  for (let b = 0; b < (of.batch ?? 1); b++)
    for (let h = 0; h < heads; h++)
      for (const i of some(lengths.queries, seed)) {
        const start = ((b * heads + h) * lengths.queries + i) * valueWidth
        const row = Float64Array.from({ length: valueWidth }, (_, e) => got[start + e]!)
        const wrong = differs(
          value([valueWidth], row),
          value([valueWidth], rowOf(of, lengths, feeds, [b, h, i])),
          tolerance,
        )
        if (wrong !== undefined)
          return `${of.name}, ${lengths.queries} queries, ${lengths.keys} keys, seed ${seed}, batch ${b}, head ${h}, query ${i}: ${wrong}`
      }
  return undefined
}

const right = <A>(result: E.Either<{ readonly message: string }, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
interface Checked {
  /** what is wrong on the device at these lengths */
  readonly at: (lengths: Lengths, seed: number) => Promise<string | undefined>
  readonly labels: readonly string[]
  readonly dispose: () => void
}
export const onDevice = async (of: AttentionCase, device: Device): Promise<Checked> => {
  const program = right(await compile(graphOf(of), { device })())
  return {
    at: async (lengths, seed) => {
      const feeds = feedsOf(of, lengths, seed)
      const { output } = right(await program.run(feeds)())
      return wrongRow(of, lengths, feeds, output!.data, seed)
    },
    labels: program.lowered.passes.map(p => p.label),
    dispose: program.dispose,
  }
}
/** What is wrong with the float64 evaluation of the graph itself. */
export const inFloat64 = (of: AttentionCase, lengths: Lengths, seed: number): string | undefined => {
  const feeds = feedsOf(of, lengths, seed)
  return wrongRow(of, lengths, feeds, right(evaluate(graphOf(of), feeds)).data, seed)
}

export const decoder: AttentionCase = { name: 'a decoder with a memory', heads: 4, groups: 2, width: 64, causal: true }
/** Attention as models have it: encoders, grouped decoders with and without a memory, padding, biases, and widths that fill no vector. */
export const cases: readonly AttentionCase[] = [
  { name: 'an encoder', heads: 2, groups: 2, width: 64, self: true },
  decoder,
  { name: 'a wide decoder', heads: 4, groups: 1, width: 128, self: true, causal: true },
  { name: 'padded texts', batch: 2, heads: 2, groups: 1, width: 32, keyMask: true, causal: true },
  { name: 'a bias for every head', batch: 2, heads: 2, groups: 2, width: 48, valueWidth: 80, bias: [2, 'm', 'n'] },
]
/** Cases for some lengths alone: they differ from the others in width or in how a bias broadcasts. */
export const more: readonly AttentionCase[] = [
  ...[4, 8, 16, 80, 96].map(width => ({
    name: `width ${width}`,
    heads: Math.ceil(96 / width),
    groups: 1,
    width,
    causal: true,
  })),
  { name: 'one bias for all', batch: 2, heads: 4, groups: 2, width: 32, bias: ['m', 'n'], keyMask: true },
  { name: 'a bias of keys', batch: 2, heads: 4, groups: 2, width: 32, bias: [2, 1, 1, 'n'], self: true },
  { name: 'a bias of queries in groups', batch: 2, heads: 4, groups: 2, width: 32, bias: [2, 4, 'm', 1] },
]

/**
 * What is wrong at every length up to 700, every `by`-th of them: all of a text, one token after it, and a piece of a drawn length, with
 * `most` queries at most.
 */
export const wrongAtLengths = async (
  of: AttentionCase,
  options: DeviceOptions,
  { by = 1, most = Infinity }: { readonly by?: number; readonly most?: number } = {},
): Promise<readonly string[]> => {
  const device = right(await openDevice(options)())
  const checked = await onDevice(of, device)
  const wrong: string[] = []
  for (let keys = 1; keys <= 700 && wrong.length < 3; keys += by) {
    const piece = 1 + ((seed + keys * 37) % Math.min(keys, most))
    const whole = keys % 8 < 2 && keys <= most ? [keys] : []
    const pieces = of.self === true ? [keys] : [...new Set([1, piece, ...whole])]
    for (const queries of pieces) {
      const found = await checked.at({ queries, keys }, seed + keys)
      if (found !== undefined) wrong.push(found)
    }
  }
  checked.dispose()
  device.dispose()
  return wrong
}
