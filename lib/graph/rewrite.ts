/**
 * Rewriting the graph: a new graph from an old one, node by node. What `step` returns may contain nodes not seen before (an
 * expansion); they are rewritten too, until nothing is left to do. Untouched parts stay the very same nodes.
 */
import { topological } from './fold.ts'
import type { Applied, Node } from './tensor.ts'

/** `step` gets a node whose inputs are rewritten already; it returns that node, or another in its place. */
export const rewrite = (outputs: readonly Node[], step: (node: Node) => Node): ReadonlyMap<Node, Node> => {
  const to = new Map<Node, Node>()
  const done = new Set<Node>()
  const visit = (roots: readonly Node[]): void => {
    for (const node of topological(roots, to)) to.set(node, settle(node))
  }
  const settle = (node: Node): Node => {
    if (done.has(node)) return node
    const current = withInputs(
      node,
      node.inputs.map(i => to.get(i) ?? i),
    )
    const next = step(current)
    if (next === current || done.has(next)) {
      done.add(next)
      return next
    }
    // its own inputs are finished: only what the step added is new
    for (const i of current.inputs) {
      done.add(i)
      if (!to.has(i)) to.set(i, i)
    }
    visit([next])
    return to.get(next) as Node
  }
  visit(outputs)
  return to
}

/** The node on other inputs; the same node where they are the same. */
export const withInputs = (node: Node, inputs: readonly Node[]): Node =>
  node.role !== 'applied' || inputs.every((n, k) => n === node.inputs[k])
    ? node
    : (Object.freeze({ ...node, inputs }) satisfies Applied)
