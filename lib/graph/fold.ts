/** Walking the graph: every interpreter is a fold over nodes in topological order, each node once. Never recursive: models are deep. */
import type { AnyTensor, Node } from './tensor.ts'
import { nodeOf } from './tensor.ts'

/** Inputs before their users, each node once; `known` nodes, and what is behind them alone, are left out. */
export const topological = (
  outputs: readonly AnyTensor[],
  known: Pick<ReadonlySet<Node>, 'has'> = new Set(),
): readonly Node[] => {
  const order: Node[] = []
  const seen = new Set<Node>()
  const stack: { node: Node; next: number }[] = []
  for (const output of outputs) {
    if (isNew(nodeOf(output))) push(nodeOf(output))
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: Node; next: number }
      const child = top.node.inputs[top.next++]
      if (child === undefined) {
        order.push(top.node)
        stack.pop()
      } else if (isNew(child)) push(child)
    }
  }
  return order
  function isNew(node: Node): boolean {
    return !seen.has(node) && !known.has(node)
  }
  function push(node: Node): void {
    seen.add(node)
    stack.push({ node, next: 0 })
  }
}

/** One result per node, made from the results of its inputs. */
export const foldNodes = <R>(
  outputs: readonly AnyTensor[],
  f: (node: Node, inputs: readonly R[]) => R,
): Map<Node, R> => {
  const results = new Map<Node, R>()
  for (const node of topological(outputs))
    results.set(
      node,
      f(
        node,
        node.inputs.map(i => results.get(i) as R),
      ),
    )
  return results
}

/** What a door takes: one tensor, or tensors by name. */
export type Outputs = AnyTensor | Readonly<Record<string, AnyTensor>>
export const isTensor = (x: Outputs): x is AnyTensor => 'role' in x && 'shape' in x
export const outputList = (outputs: Outputs): readonly AnyTensor[] =>
  isTensor(outputs) ? [outputs] : Object.values(outputs)
/** The same outputs with every tensor replaced. */
export const mapOutputs = <R>(outputs: Outputs, f: (x: AnyTensor) => R): R | Readonly<Record<string, R>> =>
  isTensor(outputs) ? f(outputs) : Object.fromEntries(Object.entries(outputs).map(([k, x]) => [k, f(x)]))
