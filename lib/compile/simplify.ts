/**
 * From the graph a user built to the graph that is compiled: composites without a form become their meaning, every op's own `simplify`
 * is asked, and equal nodes become one (what each node is, is its key). Rules live with the ops; here they are only applied.
 */
import { nodeOf, rewrite, type Node } from '../graph/index.ts'
import type { KernelDevice } from '../form/index.ts'
import { settingsOf } from './equality.ts'
import type { Forms } from './forms.ts'

/** One node for one key: nodes that are equal by op, attributes and inputs become the same object. */
const unifier = (): ((node: Node) => Node) => {
  const numbers = new Map<Node, number>()
  const byKey = new Map<string, Node>()
  const numberOf = (node: Node): number => {
    const known = numbers.get(node)
    if (known !== undefined) return known
    numbers.set(node, numbers.size)
    return numbers.size - 1
  }
  return node => {
    const key = [settingsOf(node), ...node.inputs.map(numberOf)].join(' ')
    const known = byKey.get(key)
    if (known !== undefined) return known
    byKey.set(key, node)
    return node
  }
}

/** The compiled graph for these outputs: for every output the node that stands for it. */
export const simplify = (outputs: readonly Node[], forms: Forms, device: KernelDevice): readonly Node[] => {
  const unify = unifier()
  const to = rewrite(outputs, node => {
    if (node.role !== 'applied') return unify(node)
    const simpler = node.op.simplify?.(node, node.attrs)
    if (simpler !== undefined) return nodeOf(simpler)
    const form = forms.formOf(node)
    const fits = form !== undefined && (form.form !== 'kernel' || form.fits?.(device) !== false)
    return fits ? unify(node) : forms.meaningOf(node)
  })
  return outputs.map(o => to.get(o) as Node)
}
