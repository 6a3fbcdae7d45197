/**
 * Reverse-mode differentiation: a graph of cotangents, made by asking every node's own op. What it makes is a graph of ordinary ops
 * again, so the gradient of a gradient is nothing special. The only nodes of its own are `accumulate` and constants.
 */
import { pointwise, wgsl } from '../form/index.ts'
import {
  asTensor,
  fullLike,
  nodeOf,
  op,
  rewrite,
  topological,
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

/** The graph with every composite that has no gradient of its own replaced by its meaning. */
const expanded = (outputs: readonly Node[]): ReadonlyMap<Node, Node> =>
  rewrite(outputs, node => {
    if (node.role !== 'applied' || node.op.gradient !== undefined || node.op.meaning === undefined) return node
    return nodeOf(node.op.meaning(node.attrs)(...node.inputs.map(i => asTensor<Loose>(i))))
  })

/**
 * Cotangents of `wrt` from those of `outputs`: sum over outputs of (d output / d x)^T cotangent. A tensor that no output depends on
 * gets zeros.
 */
export const pullback = (
  outputs: readonly AnyTensor[],
  cotangents: readonly AnyTensor[],
  wrt: readonly AnyTensor[],
): readonly Loose[] => {
  const to = expanded(outputs.map(nodeOf))
  const targets = wrt.map(x => to.get(nodeOf(x)) ?? nodeOf(x))
  const roots = outputs.map(o => to.get(nodeOf(o)) as Node)
  const order = topological(roots)
  // a parameter may be read in several places, and a value under several names: these are one
  const { of } = distinct(roots.map(root => asTensor<Loose>(root)))
  const standsFor = (node: Node): Node => of.get(node) ?? node
  const wanted = new Set(targets.map(standsFor))
  const copies = new Map<Node, Node[]>()
  for (const node of order) if (wanted.has(standsFor(node))) addTo(copies, standsFor(node), node)
  const needed = dependents(order, new Set([...copies.values()].flat()))
  const reached = new Map<Node, Node[]>()
  roots.forEach((root, k) => addTo(reached, root, nodeOf(cotangents[k] as AnyTensor)))
  for (const node of [...order].reverse()) {
    if (node.role !== 'applied' || !needed.has(node)) continue
    const arriving = reached.get(node)
    if (arriving === undefined) continue
    const total = sum(arriving)
    reached.set(node, [total])
    cotangentsOf(node, total).forEach((c, k) => {
      const input = node.inputs[k] as Node
      if (c !== undefined && needed.has(input) && input.kind === 'float') addTo(reached, input, nodeOf(c))
    })
  }
  return targets.map(t => {
    const arrived = (copies.get(standsFor(t)) ?? []).flatMap(copy => reached.get(copy) ?? [])
    return asTensor<Loose>(sum(arrived.length === 0 ? [fullLike(t, 0)] : arrived))
  })
}

/** Gradients of a scalar loss with respect to some tensors (parameters, inputs, or any node of the graph). */
export const gradient = (loss: Tensor<[]>, wrt: readonly AnyTensor[]): readonly Loose[] => {
  if (loss.shape.length > 0)
    throw new TypeError(
      `gradient: the loss has shape [${(loss.shape as Shape).join(', ')}], should be a scalar; use pullback`,
    )
  return pullback([loss], [asTensor<AnyTensor>(fullLike(loss, 1))], wrt)
}

const cotangentsOf = (node: Applied, cotangent: Node): readonly (AnyTensor | undefined)[] => {
  const rule = node.op.gradient
  if (rule === undefined) throw new TypeError(`op '${node.op.name}' has no gradient and no meaning to take it from`)
  return rule(asTensor<Loose>(cotangent), {
    inputs: node.inputs.map(i => asTensor<Loose>(i)),
    output: asTensor<Loose>(node),
    attrs: node.attrs,
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
