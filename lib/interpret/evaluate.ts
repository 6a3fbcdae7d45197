/**
 * The meaning of a graph, computed slowly in float64 by the references of its ops. Needs no GPU. This is the first of the three
 * judges of correctness, and the definition the compiler is held to.
 */
import { either as E } from 'fp-ts'
import type { SluiceError } from '../errors.ts'
import {
  countOf,
  initialValues,
  isTensor,
  nodeOf,
  outputList,
  topological,
  type Applied,
  type Constant,
  type Feeds,
  type Node,
  type Outputs,
  type Source,
  type Value,
  type Weights,
} from '../graph/index.ts'
import { bind, boundSize, type Bindings, type Bound } from './bind.ts'
import { checkParameters } from './parameters.ts'

export interface EvaluateOptions {
  readonly weights?: Weights
  /** seed of the initial values of parameters that `weights` does not have */
  readonly seed?: number
}
export type Values<O extends Outputs> = O extends { readonly shape: unknown; readonly kind: unknown }
  ? Value
  : { readonly [K in keyof O]: Value }

/** The values of some outputs, in float64. Left: a feed is missing or wrong, or a named size breaks an obligation. */
export const evaluate = <O extends Outputs>(
  outputs: O,
  feeds: Feeds = {},
  options: EvaluateOptions = {},
): E.Either<SluiceError, Values<O>> => {
  const list = outputList(outputs)
  const order = topological(list)
  const checked = checkParameters(order)
  if (E.isLeft(checked)) return checked
  const bound = bind(order, feeds)
  if (E.isLeft(bound)) return bound
  const values = evaluateNodes(list.map(nodeOf), order, bound.right, options, new Map())
  if (isTensor(outputs)) return E.right(values.get(nodeOf(outputs)) as Values<O>)
  return E.right(Object.fromEntries(Object.entries(outputs).map(([k, x]) => [k, values.get(nodeOf(x))])) as Values<O>)
}

const evaluateNodes = (
  wanted: readonly Node[],
  order: readonly Node[],
  bound: Bound,
  options: EvaluateOptions,
  known: Map<Node, Value>,
): Map<Node, Value> => {
  const users = new Map<Node, number>()
  for (const node of order) for (const i of node.inputs) users.set(i, (users.get(i) ?? 0) + 1)
  for (const node of wanted) users.set(node, Number.POSITIVE_INFINITY)
  const values = known
  for (const node of order) {
    if (values.has(node)) continue
    values.set(node, node.role === 'applied' ? apply(node, values, bound, options) : source(node, bound, options))
    for (const i of node.inputs) {
      const left = (users.get(i) as number) - 1
      users.set(i, left)
      if (left === 0) values.delete(i)
    }
  }
  return values
}

const apply = (node: Applied, values: Map<Node, Value>, bound: Bound, options: EvaluateOptions): Value => {
  const inputs = node.inputs.map(i => values.get(i) as Value)
  const { op, attrs } = node
  const shape = concrete(node, bound.sizes)
  if (op.reference !== undefined) {
    const data = op.reference(inputs, {
      attrs,
      shape,
      shapes: inputs.map(i => i.shape),
      size: d => boundSize(d, bound.sizes),
    })
    return { kind: node.kind, shape, data: data instanceof Float64Array ? data : Float64Array.from(data) }
  }
  if (op.meaning === undefined) throw new TypeError(`op '${op.name}' has neither a reference nor a meaning`)
  const meaning = nodeOf(op.meaning(attrs)(...(node.inputs as never[])))
  const known = new Map(node.inputs.map((n, k) => [n, inputs[k] as Value]))
  const order = topological([meaning]).filter(n => !known.has(n) && !isBehind(n, known))
  return evaluateNodes([meaning], order, bound, options, known).get(meaning) as Value
}
// nodes that only serve to compute the inputs are already done: what remains is what the meaning added
const isBehind = (node: Node, known: ReadonlyMap<Node, Value>): boolean => {
  let behind = behinds.get(known)
  if (behind === undefined) behinds.set(known, (behind = new Set(topological([...known.keys()]))))
  return behind.has(node)
}
const behinds = new WeakMap<object, Set<Node>>()

const source = (node: Source | Constant, bound: Bound, options: EvaluateOptions): Value => {
  const shape = concrete(node, bound.sizes)
  if (node.role === 'constant') {
    const { value } = node
    const data = typeof value === 'number' ? new Float64Array(countOf(shape)).fill(value) : Float64Array.from(value)
    return { kind: node.kind, shape, data }
  }
  const given = node.role === 'input' ? bound.values.get(node.name) : options.weights?.get(node.name)
  if (given !== undefined) return { ...given, data: Float64Array.from(given.data) }
  const init = node.init ?? { init: 'zeros' as const }
  return { kind: node.kind, shape, data: Float64Array.from(initialValues(init, node.name, shape, options.seed ?? 0)) }
}
const concrete = (node: Node, sizes: Bindings): readonly number[] => node.shape.map(d => boundSize(d, sizes))
