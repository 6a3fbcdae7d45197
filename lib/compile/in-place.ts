/**
 * Next values of states that are written over the state, with no memory of their own and no copy: those that change parts of it, and
 * those whose every element is computed from the same element of the state. All that reads the old value has to run before, which the
 * order of passes sees to where it can; otherwise the state is copied after the run, as it would be without any of this.
 */
import { axis, partsOf, rowMajor, unravel, type Each, type Expr } from '../form/index.ts'
import type { Applied, Node } from '../graph/index.ts'
import { size } from '../shape/index.ts'
import type { Fusion } from './fuse.ts'
import { elementOf } from './kernel.ts'

export interface Scheduled {
  /** the nodes that get passes, in the order in which these run */
  readonly order: readonly Node[]
  /** by the next value that is written in place, the state that it is written over */
  readonly over: ReadonlyMap<Node, Node>
}

/** What a form says of the parts that it changes of its first input. */
export const changeOf = (fusion: Fusion, node: Node): Each['change'] => {
  const form = node.role === 'applied' ? fusion.form(node) : undefined
  return form?.form === 'each' ? form.change : undefined
}

/** The nodes a kernel computes: the root and what lives inside it, inputs first. */
export const inside = (fusion: Fusion, root: Node): readonly Applied[] => {
  const found = new Set<Applied>()
  const visit = (node: Node): void => {
    if (node.role !== 'applied' || found.has(node)) return
    for (const input of node.inputs) if (fusion.inlined(input, node)) visit(input)
    found.add(node)
  }
  visit(root)
  return [...found]
}

/** Is every element of the state that the node reads the one in whose place its result goes? */
const isElementwise = (fusion: Fusion, node: Node, state: Node): boolean => {
  if (node.role !== 'applied' || fusion.anchor(node) !== undefined || fusion.form(node).form !== 'each') return false
  const position = axis('i', size.prod(node.shape))
  const index = unravel(position, node.shape)
  const own = JSON.stringify(position)
  const isElsewhere = (x: Expr): boolean =>
    x.e === 'load' && x.of === state && JSON.stringify(rowMajor(x.index, state.shape)) !== own
  const fits = (x: Expr): boolean => !isElsewhere(x) && partsOf(x).every(fits)
  return fits(elementOf(fusion, node, index, undefined))
}

/**
 * Which next values are written in place, and an order of the passes in which nothing reads a state after that. `lasting` are nodes whose
 * value is asked for after the run.
 */
export const scheduleInPlace = (
  fusion: Fusion,
  roots: readonly Node[],
  next: readonly (readonly [next: Node, state: Node])[],
  lasting: ReadonlySet<Node>,
): Scheduled => {
  const isRoot = new Set(roots)
  const reads = new Map<Node, readonly Node[]>()
  const users = new Map<Node, Node[]>()
  for (const root of roots) {
    const computed = new Set<Node>(inside(fusion, root))
    const read = [...new Set([...computed].flatMap(n => n.inputs).filter(n => !computed.has(n)))]
    reads.set(root, read)
    for (const node of read) users.set(node, [...(users.get(node) ?? []), root])
  }
  const isFit = (node: Node, state: Node): boolean => {
    if (!isRoot.has(node) || lasting.has(state) || node.kind !== state.kind) return false
    const changes = changeOf(fusion, node) !== undefined && node.inputs.indexOf(state as never) === 0
    return changes ? node.inputs.lastIndexOf(state as never) === 0 : isElementwise(fusion, node, state)
  }
  const over = new Map<Node, Node>()
  // who must have run before a next value may be written
  const before = new Map<Node, readonly Node[]>()
  const after = new Map<Node, Node[]>()
  const dependsOn = (start: Node, targets: ReadonlySet<Node>): boolean => {
    const seen = new Set([start])
    const stack = [start]
    for (let node = stack.pop(); node !== undefined; node = stack.pop())
      for (const user of [...(users.get(node) ?? []), ...(after.get(node) ?? [])]) {
        if (targets.has(user)) return true
        if (seen.has(user)) continue
        seen.add(user)
        stack.push(user)
      }
    return false
  }
  for (const [node, state] of next) {
    if (over.has(node) || !isFit(node, state)) continue
    const readers = (users.get(state) ?? []).filter(reader => reader !== node)
    if (dependsOn(node, new Set(readers))) continue
    over.set(node, state)
    before.set(node, readers)
    for (const reader of readers) after.set(reader, [...(after.get(reader) ?? []), node])
  }
  return {
    order: before.size === 0 ? roots : sorted(roots, n => [...(reads.get(n) ?? []), ...(before.get(n) ?? [])]),
    over,
  }

  function sorted(nodes: readonly Node[], needs: (node: Node) => readonly Node[]): readonly Node[] {
    const order: Node[] = []
    const seen = new Set<Node>()
    for (const first of nodes) {
      if (seen.has(first)) continue
      seen.add(first)
      const stack = [{ node: first, waiting: needs(first).filter(n => isRoot.has(n)), at: 0 }]
      for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
        const needed = top.waiting[top.at++]
        if (needed === undefined) {
          order.push(top.node)
          stack.pop()
        } else if (!seen.has(needed)) {
          seen.add(needed)
          stack.push({ node: needed, waiting: needs(needed).filter(n => isRoot.has(n)), at: 0 })
        }
      }
    }
    return order
  }
}
