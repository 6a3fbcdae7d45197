/**
 * Reverse-mode differentiation: a graph of cotangents, made by asking every node's own op. What it makes is a graph of ordinary ops
 * again, so the gradient of a gradient is nothing special. The only nodes of its own are `accumulate` and constants.
 */
import { pointwise, wgsl, type Each } from '../form/index.ts'
import {
  asTensor,
  fullLike,
  inBlock,
  nodeOf,
  op,
  topological,
  withInputs,
  type AnyTensor,
  type Applied,
  type Loose,
  type Node,
  type Tensor,
} from '../graph/index.ts'
import type { Rule, Shape } from '../shape/index.ts'
import { distinct } from './block-tree.ts'

const allEqual: Rule<undefined> = {
  sentence: () => '...s, ...s, … -> ...s',
  infer: shapes => shapes[0] as Shape,
  sample: draw => {
    const shape = Array.from({ length: draw.int(0, 3) }, draw.size)
    return Array.from({ length: draw.int(2, 4) }, () => shape)
  },
}
/** The sum of the cotangents that reach one node. */
export const accumulate: (...xs: AnyTensor[]) => Loose = op('accumulate', {
  kinds: 'float -> float',
  rule: allEqual,
  ...pointwise(
    (...xs) => xs.reduce((a, b) => a + b, 0),
    (...xs) => xs.reduce((a, b) => wgsl`(${a} + ${b})`),
  ),
  gradient: (dy, { inputs }) => inputs.map(() => dy),
})

const firstOf: Rule<undefined> = {
  sentence: () => '...s, ...t -> ...s',
  infer: ([shape = []]) => shape,
  sample: draw => [[draw.size()], [draw.size()]],
}
/** A value, once another is there: what is computed from it stands after that other, and is not taken for what was computed before. */
const again: (x: AnyTensor, after: AnyTensor) => Loose = op('again', {
  kinds: 'a, b -> a',
  rule: firstOf,
  reference: ([x]) => x!.data,
  form: (): Each => ({ form: 'each', value: (load, index) => load(0, index) }),
  gradient: dy => [dy, undefined],
  flops: () => 0,
})

export interface PullbackOptions {
  /**
   * The block to which a node at this path belongs, if what is inside it shall be computed again when its cotangents arrive: then nothing
   * but its inputs is kept until that. Chen et al., Training deep nets with sublinear memory cost, 2016.
   */
  readonly recompute?: (path: string) => string | undefined
}

/** What the cotangents of a node are computed from: the node itself, or its copy in a block that is computed again. */
const recomputing = ({ recompute }: PullbackOptions): ((node: Applied, cotangent: Node) => Applied) => {
  const blocks = new Map<string, { readonly after: AnyTensor; readonly copies: Map<Node, Node> }>()
  if (recompute === undefined) return node => node
  return (node, cotangent) => {
    const block = recompute(node.origin.path)
    if (block === undefined) return node
    const { after, copies } = blocks.get(block) ?? { after: cotangent, copies: new Map<Node, Node>() }
    blocks.set(block, { after, copies })
    const copyOf = (x: Node): Node => {
      const known = copies.get(x)
      if (known !== undefined) return known
      const inside = x.role === 'applied' && recompute(x.origin.path) === block
      const isGiven = x.role === 'parameter' || x.role === 'state' || x.role === 'constant'
      const made = inside ? withInputs(x, x.inputs.map(copyOf)) : isGiven ? x : nodeOf(again(x, after))
      copies.set(x, made)
      return made
    }
    return copyOf(node) as Applied
  }
}

/**
 * Cotangents of `wrt` from those of `outputs`: sum over outputs of (d output / d x)^T cotangent. A tensor that no output depends on
 * gets zeros.
 */
export const pullback = (
  outputs: readonly AnyTensor[],
  cotangents: readonly AnyTensor[],
  wrt: readonly AnyTensor[],
  options: PullbackOptions = {},
): readonly Loose[] => {
  // a parameter may be read in several places, and a value under several names: these are one
  const { of } = distinct(outputs)
  const targets = wrt.map(nodeOf)
  const found = cotangentsAt(
    outputs.map(nodeOf),
    cotangents.map(nodeOf),
    targets,
    n => of.get(n) ?? n,
    new Set(),
    recomputing(options),
  )
  return targets.map((t, k) => asTensor<Loose>(found[k] ?? nodeOf(fullLike(asTensor<AnyTensor>(t), 0))))
}
/** The cotangents that arrive at some nodes. Beyond the nodes where the graph `ends` nothing is differentiated. */
const cotangentsAt = (
  roots: readonly Node[],
  cotangents: readonly Node[],
  targets: readonly Node[],
  standsFor: (node: Node) => Node,
  ends: ReadonlySet<Node>,
  seen: (node: Applied, cotangent: Node) => Applied,
): readonly (Node | undefined)[] => {
  const order = [...ends, ...topological(roots, ends)]
  const wanted = new Set(targets.map(standsFor))
  const copies = new Map<Node, Node[]>()
  for (const node of order) if (wanted.has(standsFor(node))) addTo(copies, standsFor(node), node)
  const needed = dependents(order, new Set([...copies.values()].flat()))
  const reached = new Map<Node, Node[]>()
  roots.forEach((root, k) => addTo(reached, root, cotangents[k] as Node))
  for (const node of [...order].reverse()) {
    if (node.role !== 'applied' || !needed.has(node) || ends.has(node)) continue
    const arriving = reached.get(node)
    if (arriving === undefined) continue
    const total = sum(arriving)
    reached.set(node, [total])
    cotangentsOf(seen(node, total), total).forEach((c, k) => {
      const input = node.inputs[k] as Node
      if (c !== undefined && needed.has(input) && input.kind === 'float') addTo(reached, input, nodeOf(c))
    })
  }
  return targets.map(t => {
    const arrived = (copies.get(standsFor(t)) ?? []).flatMap(copy => reached.get(copy) ?? [])
    return arrived.length === 0 ? undefined : sum(arrived)
  })
}

/** Gradients of a scalar loss with respect to some tensors (parameters, inputs, or any node of the graph). */
export const gradient = (
  loss: Tensor<[]>,
  wrt: readonly AnyTensor[],
  options: PullbackOptions = {},
): readonly Loose[] => {
  if (loss.shape.length > 0)
    throw new TypeError(
      `gradient: the loss has shape [${(loss.shape as Shape).join(', ')}], should be a scalar; use pullback`,
    )
  return pullback([loss], [asTensor<AnyTensor>(fullLike(loss, 1))], wrt, options)
}

const cotangentsOf = (node: Applied, cotangent: Node): readonly (AnyTensor | undefined)[] => {
  const rule = node.op.gradient
  if (rule === undefined) return inBlock(node.origin.path, () => throughMeaning(node, cotangent))
  const { inputs, attrs } = node
  const given = { inputs: inputs.map(i => asTensor<Loose>(i)), output: asTensor<Loose>(node), attrs }
  return inBlock(node.origin.path, () => rule(asTensor<Loose>(cotangent), given))
}
/**
 * A composite is differentiated through its meaning, on the very inputs that it has: what the graph computes stays what it was, and only
 * what lies between inputs and output of the composite is computed anew.
 */
const throughMeaning = (node: Applied, cotangent: Node): readonly (AnyTensor | undefined)[] => {
  if (node.op.meaning === undefined)
    throw new TypeError(`op '${node.op.name}' has no gradient and no meaning to take it from`)
  const meaning = nodeOf(node.op.meaning(node.attrs)(...node.inputs.map(i => asTensor<Loose>(i))))
  const inputs = [...new Set(node.inputs)]
  const found = cotangentsAt(
    [meaning],
    [cotangent],
    inputs,
    n => n,
    new Set(inputs),
    n => n,
  )
  return node.inputs.map((input, k) => {
    const cotangentOfInput = node.inputs.indexOf(input) === k ? found[inputs.indexOf(input)] : undefined
    return cotangentOfInput === undefined ? undefined : asTensor<Loose>(cotangentOfInput)
  })
}
const dependents = (order: readonly Node[], targets: ReadonlySet<Node>): Set<Node> => {
  const set = new Set<Node>()
  for (const node of order) if (targets.has(node) || node.inputs.some(i => set.has(i))) set.add(node)
  return set
}
const addTo = (map: Map<Node, Node[]>, key: Node, node: Node): void => {
  const list = map.get(key)
  if (list === undefined) map.set(key, [node])
  else list.push(node)
}
const sum = (nodes: readonly Node[]): Node => (nodes.length === 1 ? (nodes[0] as Node) : nodeOf(accumulate(...nodes)))
