/**
 * The form a node is compiled by: its op's own, or, for a composite whose meaning is made of each-nodes alone, those put together as
 * one. So gelu is one expression however it is written, and can end a matrix product in one kernel. Other composites have no form: they
 * are replaced by their meaning.
 */
import { literal, type Each, type Expr, type Form } from '../form/index.ts'
import { asTensor, nodeOf, topological, type Applied, type Loose, type Node } from '../graph/index.ts'

/** a meaning of more nodes than this is compiled node by node, where shared parts are computed once */
const largest = 40
const forms = new WeakMap<Applied, Form | 'none'>()

export const formOf = (node: Applied): Form | undefined => {
  const known = forms.get(node)
  if (known !== undefined) return known === 'none' ? undefined : known
  const { op, attrs, inputs, shape } = node
  const made = op.form?.({ attrs, inputs, shapes: inputs.map(i => i.shape), shape }) ?? together(node)
  forms.set(node, made ?? 'none')
  return made
}

export const meaningOf = (node: Applied): Node => {
  if (node.op.meaning === undefined)
    throw new TypeError(`op '${node.op.name}' has neither a form nor a meaning: it cannot be compiled`)
  return nodeOf(node.op.meaning(node.attrs)(...node.inputs.map(i => asTensor<Loose>(i))))
}

const together = (node: Applied): Each | undefined => {
  if (node.op.meaning === undefined) return undefined
  const root = meaningOf(node)
  const given = new Set(node.inputs)
  const behind = new Set(topological(node.inputs))
  const added = topological([root]).filter(n => !behind.has(n))
  if (added.length > largest || !added.every(n => isScalar(n) || (n.role === 'applied' && formOf(n)?.form === 'each')))
    return undefined
  const moves = movesOf(root, node)
  return {
    form: 'each',
    ...(moves === undefined ? {} : { moves }),
    value: (load, index) => {
      const element = (n: Node, at: readonly Expr[]): Expr => {
        if (given.has(n)) return load(node.inputs.indexOf(n), at)
        if (n.role === 'constant') return literal(n.value as number, n.kind)
        const each = formOf(n as Applied) as Each
        return each.value((k, i) => element(n.inputs[k] as Node, i), at)
      }
      return element(root, index)
    },
  }
}
/** Movements of one input one after another are a movement. */
const movesOf = (root: Node, composite: Applied): Each['moves'] => {
  const steps: NonNullable<Each['moves']>[] = []
  let node = root
  while (node !== composite.inputs[0]) {
    const form = node.role === 'applied' && node.inputs.length === 1 ? formOf(node) : undefined
    if (form?.form !== 'each' || form.moves === undefined) return undefined
    steps.unshift(form.moves)
    node = node.inputs[0] as Node
  }
  return composite.inputs.length === 1 ? index => steps.reduce((at, step) => step(at), index) : undefined
}
const isScalar = (n: Node): boolean => n.role === 'constant' && typeof n.value === 'number'
