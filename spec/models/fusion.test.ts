/** Every fusion and every use of boxes against MG-LLaVA's modules: tokens, objects, and gradients of all weights and inputs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  initialValues,
  inputOf,
  parameters,
  pullback,
  scope,
  tap,
  type AnyTensor,
  type Feeds,
  type Loose,
  type Value,
} from '../../lib/index.ts'
import { boxesAskMap, concatBoxes, mapAsksBoxes, noBoxes, type BoxMerging } from '../../models/box-merging.ts'
import {
  bothViews,
  channelConcat,
  convGate,
  fastMlp,
  gatedConcat,
  lowOnly,
  patchInfoMining,
  plainConcat,
} from '../../models/fusion.ts'
import { mlp2, resampler } from '../../models/projector.ts'
import { goldenTensors, type GoldenTensor } from '../golden/tensors.ts'
import { goldenCases } from '../golden/where.ts'
import { expectClose, sample, valuesOf, weightsIn } from './values.ts'

type Fusion = (v: { low: Loose; high: Loose; maps: readonly AnyTensor[] }) => AnyTensor
const fusions: Readonly<Record<string, Fusion>> = {
  none: lowOnly,
  'conv-gate': convGate,
  'gated-concat': gatedConcat,
  concat: plainConcat,
  'channel-concat': channelConcat,
  'fast-mlp': fastMlp,
  mining: patchInfoMining,
  'mining-last-stage': patchInfoMining,
  resampler: bothViews,
}
const mergings: Readonly<Record<string, BoxMerging>> = {
  none: noBoxes,
  concat: concatBoxes,
  'f-to-b': mapAsksBoxes,
  'b-to-f-clip': boxesAskMap('low'),
  'b-to-f-fused': boxesAskMap('fused'),
}
interface Case {
  readonly kind: string
  readonly fusion: string
  readonly boxes: string
  readonly llm: number
  readonly grid: number
  readonly heads: number
  readonly query_grid?: number
}

const whole = ({ shape, data }: GoldenTensor): Value => ({ kind: 'float', shape, data: data as Float32Array })

/** One picture of a case: its inputs with their values, and the outputs by the names of the golden files. */
const pictureOf = (c: Case, given: ReadonlyMap<string, GoldenTensor>, i: number) => {
  const feeds: Record<string, Value> = {}
  const inputs: Record<string, Loose> = {}
  const take = (name: string, value: Value): Loose => {
    feeds[name] = value
    return (inputs[name] = inputOf(name, value.shape) as AnyTensor as Loose)
  }
  const low = take('E_L', sample(given, 'E_L', i))
  // mining reads the joined map, and of E_H the grid alone
  const high = given.has('E_H') ? take('E_H', sample(given, 'E_H', i)) : (inputOf('grid', [1, c.grid, c.grid]) as Loose)
  const maps = given.has('F_box') ? [take('F_box', sample(given, 'F_box', i))] : [high]
  const fused = fusions[c.fusion]!({ low, high, maps })
  const features = c.boxes === 'none' ? fused : take(`R.${i}`, whole(given.get(`R.${i}`)!))
  // no published use of boxes reads where they lie
  const places = inputOf('places', ['boxes', 4])
  const { map, objects } = mergings[c.boxes]!({ low, fused, features, places })
  const queries = resampler({ heads: c.heads, side: c.query_grid ?? c.grid, grid: c.grid })
  const projector = c.fusion === 'resampler' ? queries : mlp2
  const tokens = scope('projector', projector(c.llm))(map as Loose)
  const boxTokens = objects && scope('bbox_projector', mlp2(c.llm))(objects as Loose)
  const outputs: Record<string, AnyTensor> = {
    tokens,
    ...(c.fusion === 'none' ? {} : { fused }),
    ...(c.boxes === 'f-to-b' ? { fused_with_boxes: map } : {}),
    ...(c.boxes.startsWith('b-to-f') ? { [`boxes_with_map.${i}`]: objects! } : {}),
    ...(boxTokens ? { [`box_tokens.${i}`]: boxTokens } : {}),
  }
  return { feeds, inputs, outputs }
}

/** Gradients of all weights and inputs for one picture, as outputs to run, and the cotangents to feed. */
const gradientsOf = (
  { inputs, outputs }: ReturnType<typeof pictureOf>,
  given: ReadonlyMap<string, GoldenTensor>,
  i: number,
): { readonly gradients: Record<string, AnyTensor>; readonly cotangents: Feeds } => {
  const ends = Object.keys(outputs).filter(name => given.has(`cotangent.${name}`))
  const weights = parameters(outputs).map(p => p.name)
  const wrt = { ...inputs, ...Object.fromEntries(weights.map(name => [name, tap(outputs, name)])) }
  const arriving = ends.map(name => inputOf(`cotangent.${name}`, outputs[name]!.shape))
  const found = pullback(
    ends.map(name => outputs[name]!),
    arriving,
    Object.values(wrt),
  )
  const cotangent = (name: string) =>
    name === 'tokens' ? sample(given, 'cotangent.tokens', i) : whole(given.get(`cotangent.${name}`)!)
  return {
    gradients: Object.fromEntries(Object.keys(wrt).map((name, k) => [name, found[k]!])),
    cotangents: Object.fromEntries(ends.map(name => [`cotangent.${name}`, cotangent(name)])),
  }
}
const largest = (tensors: ReadonlyMap<string, GoldenTensor>) =>
  [...tensors.values()].reduce(
    (most, { data }) => Array.from<number>(data).reduce((m, x) => Math.max(m, Math.abs(x)), most),
    0,
  )

describe('fusions', () => {
  const cases = goldenCases('vision/fusion')
    .map(({ name, folder }) => ({
      name,
      folder,
      c: JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as Case,
    }))
    .filter(({ c }) => c.kind === 'fusion')
  it('have goldens', () => expect(cases.length).toBeGreaterThan(0))

  for (const { name, folder, c } of cases)
    it(name, async () => {
      const golden = goldenTensors(join(folder, 'outputs.safetensors'))
      const given = goldenTensors(join(folder, 'inputs.safetensors'))
      const wanted = goldenTensors(join(folder, 'gradients.safetensors'))
      const weights = await weightsIn(folder, 'weights.safetensors')
      const limit = 1e-6 * largest(wanted)
      const totals = new Map<string, Float64Array>()
      const expectGradient = (of: string, got: ArrayLike<number>, right: ArrayLike<number>) => {
        const off = Array.from(right).reduce((most, r, k) => Math.max(most, Math.abs(r - got[k]!)), 0)
        expect(off, `gradient of ${of}`).toBeLessThan(limit)
      }
      for (let i = 0; i < given.get('E_L')!.shape[0]!; i++) {
        const picture = pictureOf(c, given, i)
        const { gradients, cotangents } = gradientsOf(picture, given, i)
        const graph = {
          ...picture.outputs,
          ...Object.fromEntries(Object.entries(gradients).map(([k, x]) => [`d ${k}`, x])),
        }
        const values = valuesOf(graph, { ...picture.feeds, ...cotangents }, weights)
        for (const of of Object.keys(picture.outputs)) expectClose(golden, of, values[of]!, /\.\d+$/.test(of) ? 0 : i)
        for (const of of Object.keys(gradients)) {
          const { data } = values[`d ${of}`]!
          if (weights.has(of))
            totals.set(
              of,
              Float64Array.from(data, (x, k) => x + (totals.get(of)?.[k] ?? 0)),
            )
          else expectGradient(of, data, /\.\d+$/.test(of) ? wanted.get(of)!.data : sample(wanted, of, i).data)
        }
      }
      const table = weights.get('projector.pos_embed')
      if (table !== undefined) {
        const made = initialValues({ init: 'sine grid' }, 'pos_embed', table.shape, 0)
        expect(Array.from(table.data).every((x, k) => Math.abs(x - made[k]!) < 1e-6)).toBe(true)
      }
      // that table is frozen: it has a gradient here and none there
      totals.delete('projector.pos_embed')
      expect(totals.size).toBe([...wanted.keys()].filter(of => weights.has(of)).length)
      for (const [of, data] of totals) expectGradient(of, data, wanted.get(of)!.data)
    })
})
