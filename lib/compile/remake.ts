/**
 * What kernels for few rows make anew instead of reading it. A product of one row reads megabytes of weights and little else, and on a GPU
 * a pass before it takes as long to begin and end as some of those megabytes. So it sums up itself what its row is normalised by, and makes
 * the other factor of its result, the silu(gate) of silu(gate) * up, by lanes beside its own. A pass that made these for it still runs for
 * more rows, and where anything else reads them (needed.ts).
 */
import type { Node } from '../graph/index.ts'
import type { Fusion } from './fuse.ts'
import type { DeviceProfile } from './pass.ts'

/** Which nodes kernels for few rows may make anew; `results` are asked for anyway. */
export const remadeIn = (
  fusion: Omit<Fusion, 'remade'>,
  results: ReadonlySet<Node>,
  { tuning }: DeviceProfile,
): ((node: Node) => boolean) => {
  if (tuning !== 'gpu') return () => false
  const users = new Map<Node, Node[]>()
  for (const node of fusion.order)
    for (const input of new Set(node.inputs)) users.set(input, [...(users.get(input) ?? []), node])
  const formOf = (node: Node) => (node.role === 'applied' ? fusion.form(node) : undefined)
  const isProduct = (node: Node | undefined): boolean => node !== undefined && formOf(node)?.form === 'contract'
  /** who reads a node from memory, through what is computed where it is read */
  const readersOf = (node: Node): readonly Node[] =>
    (users.get(node) ?? []).flatMap(user =>
      formOf(user)?.form === 'each' && !fusion.kept(user) ? readersOf(user) : [user],
    )
  /** rows with a factor each: their products can be multiplied with it */
  const isNormalised = (node: Node): boolean => {
    const form = formOf(node)
    const hasFactor = form?.form === 'reduce' && form.finish.per === 'element' && form.finish.factor !== undefined
    return hasFactor && readersOf(node).every(isProduct)
  }
  /** a product that ends in one number of another's end */
  const isFactor = (node: Node): boolean => {
    const [user, ...others] = users.get(node) ?? []
    const end = user === undefined ? undefined : fusion.anchor(user)
    return others.length === 0 && isProduct(end) && isProduct(fusion.anchor(node) ?? node)
  }
  /** a state may be written over once all have read it that are known to (in-place.ts) */
  const readsState = (node: Node): boolean =>
    node.inputs.some(input => input.role === 'state' || (fusion.inlined(input, node) && readsState(input)))
  const known = new Map<Node, boolean>()
  return node => {
    const before = known.get(node)
    if (before !== undefined) return before
    const remade =
      !results.has(node) && fusion.kept(node) && (isNormalised(node) || isFactor(node)) && !readsState(node)
    known.set(node, remade)
    return remade
  }
}
