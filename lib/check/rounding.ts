/**
 * What rounding does to a result, measured by stochastic arithmetic (Vignes, Mathematics and Computers in Simulation 35, 1993): the
 * reference is computed again with every number that is read off by one unit in its last place, or by none, and with the result of every
 * step of the meaning rounded to float32, up or down by chance. What float32 holds stays as it is, so what only selects stays right.
 *
 * The steps matter where large numbers cancel. d - mean(d) - n * mean(d * n) is 0 in rows of two, whatever d is: other inputs do not
 * show that both sides are as large as d and that each is rounded. A primitive has no steps, and is measured by its inputs.
 */
import { countOf, randomBits, type Applied, type Node, type Value } from '../graph/index.ts'
import { valueOf } from './checks.ts'
import { asFeeds, inputName, inputSource, tensorOf } from './instance.ts'
import { meaningOf, stepsOf } from './steps.ts'

/** How often it is computed again: errors cancel by chance, too. */
const times = 16

/** How far rounding takes a node with these inputs from `wanted`, which it is without. All sizes are numbers. */
export const measuredRounding = (node: Applied, values: readonly Value[], wanted: Value): number => {
  let most = 0
  for (let time = 0; time < times; time++) {
    const by = chances(time)
    const inputs = values.map(v => changed(v, x => besides(Math.fround(x), (by() % 3) - 1)))
    const upOrDown = (x: number): number => {
      const nearest = Math.fround(x)
      return nearest === x || by() % 2 === 0 ? nearest : besides(nearest, nearest < x ? 1 : -1)
    }
    most = Math.max(most, distance(computed(node, inputs, upOrDown), wanted))
  }
  return most
}

const computed = (node: Applied, inputs: readonly Value[], rounding: (x: number) => number): Value => {
  const meaning = meaningOf(node)
  if (meaning === undefined) {
    const sources = inputs.map(({ shape, kind }, k) => inputSource(inputName(k), shape, kind))
    return valueOf(tensorOf(node.op.applyTo(node.attrs, sources)), asFeeds(inputs))
  }
  const known = new Map<Node, Value>(node.inputs.map((x, k) => [x, inputs[k]!]))
  const stepped = (step: Node): Value =>
    step.role === 'applied'
      ? computed(
          step,
          step.inputs.map(x => known.get(x)!),
          rounding,
        )
      : valueOf(tensorOf(step), {})
  for (const step of stepsOf(meaning, node.inputs)) known.set(step, changed(stepped(step), rounding))
  return known.get(meaning)!
}

/** Whole numbers by chance, the same ones for a seed. */
const chances = (seed: number): (() => number) => {
  let count = 0
  return () => randomBits(seed, count++)
}
const changed = (v: Value, change: (x: number) => number): Value =>
  v.kind === 'float' ? { ...v, data: Float64Array.from(v.data, change) } : v

const single = new Float32Array(1)
const bits = new Int32Array(single.buffer)
/** The number of float32 that is so many places above one of them. */
const besides = (x: number, places: number): number => {
  if (x === 0 || !Number.isFinite(x)) return x
  single[0] = x
  bits[0]! += x < 0 ? -places : places
  return single[0]
}
const distance = (a: Value, b: Value): number => {
  let most = 0
  for (let i = 0; i < countOf(b.shape); i++) {
    const off = Math.abs(a.data[i]! - b.data[i]!)
    if (off > most && off < Number.POSITIVE_INFINITY) most = off
  }
  return most
}
