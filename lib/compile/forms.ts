/**
 * The form a node is compiled by: its op's own, or, for a composite whose meaning is made of each-nodes alone, those put together as
 * one. So gelu is one expression however it is written, and can end a matrix product in one kernel. Other composites have no form: they
 * are replaced by their meaning. Forms and meanings are made once for nodes of one op that agree in attributes and shapes, and serve all.
 */
import { literal, type Each, type Expr, type Form } from '../form/index.ts'
import { asTensor, nodeOf, topological, type Applied, type Loose, type Node } from '../graph/index.ts'
import { settingsOf } from './equality.ts'

/** a meaning of more nodes than this is compiled node by node, where shared parts are computed once */
const largest = 40

export interface Forms {
  /** equal for nodes that have the same form and meaning */
  readonly likeness: (node: Applied) => string
  readonly formOf: (node: Applied) => Form | undefined
  /** the graph that a composite stands for, on its inputs and in its block */
  readonly meaningOf: (node: Applied) => Node
}
/** A composite's meaning, made on inputs that stand for whichever it is given. */
interface Meaning {
  readonly given: readonly Node[]
  readonly root: Node
  /** the nodes of the meaning, inputs first */
  readonly added: readonly Node[]
}

/** The forms and meanings of one compilation. */
export const formsOnce = (): Forms => {
  const forms = new Map<string, Form | undefined>()
  const ofNode = new Map<Applied, Form | undefined>()
  const meanings = new Map<string, Meaning>()

  const formOf = (node: Applied): Form | undefined => {
    if (ofNode.has(node)) return ofNode.get(node)
    const key = likeness(node)
    const { op, attrs, inputs, shape } = node
    const form = forms.has(key)
      ? forms.get(key)
      : (op.form?.({ attrs, inputs, shapes: inputs.map(i => i.shape), shape }) ?? together(node))
    forms.set(key, form)
    ofNode.set(node, form)
    return form
  }

  const meant = (node: Applied): Meaning => {
    const key = likeness(node)
    const known = meanings.get(key)
    if (known !== undefined) return known
    const { op, attrs, inputs } = node
    if (op.meaning === undefined)
      throw new TypeError(`op '${op.name}' has neither a form nor a meaning: it cannot be compiled`)
    const given = inputs.map(standIn)
    const root = nodeOf(op.meaning(attrs)(...given.map(i => asTensor<Loose>(i))))
    const made = { given, root, added: topological([root], new Set(given)) }
    meanings.set(key, made)
    return made
  }
  const meaningOf = (node: Applied): Node => {
    const { given, root, added } = meant(node)
    // a block of its own where a form was there to be used, so that a listing shows that it was not
    const path = [node.origin.path, node.op.form === undefined ? '' : node.op.name].filter(p => p !== '').join('.')
    const origin = { ...node.origin, path }
    const placed = new Map<Node, Node>(given.map((g, k) => [g, node.inputs[k] as Node]))
    for (const n of added) {
      const inputs = n.inputs.map(i => placed.get(i) as Node)
      placed.set(n, n.role === 'applied' ? Object.freeze({ ...n, inputs, origin }) : n)
    }
    return placed.get(root) as Node
  }

  const together = (node: Applied): Each | undefined => {
    if (node.op.meaning === undefined) return undefined
    const { given, root, added } = meant(node)
    const isEach = (n: Node): boolean => isScalar(n) || (n.role === 'applied' && formOf(n)?.form === 'each')
    if (added.length > largest || !added.every(isEach)) return undefined
    const moves = movesOf(root, given)
    return {
      form: 'each',
      ...(moves === undefined ? {} : { moves }),
      value: (load, index) => {
        const element = (n: Node, at: readonly Expr[]): Expr => {
          const k = given.indexOf(n)
          if (k >= 0) return load(k, at)
          if (n.role === 'constant') return literal(n.value as number, n.kind)
          const each = formOf(n as Applied) as Each
          return each.value((j, i) => element(n.inputs[j] as Node, i), at)
        }
        return element(root, index)
      },
    }
  }
  /** Movements of one input one after another are a movement. */
  const movesOf = (root: Node, given: readonly Node[]): Each['moves'] => {
    const steps: NonNullable<Each['moves']>[] = []
    let node = root
    while (node !== given[0]) {
      const form = node.role === 'applied' && node.inputs.length === 1 ? formOf(node) : undefined
      if (form?.form !== 'each' || form.moves === undefined) return undefined
      steps.unshift(form.moves)
      node = node.inputs[0] as Node
    }
    return given.length === 1 ? index => steps.reduce((at, step) => step(at), index) : undefined
  }
  return { likeness, formOf, meaningOf }
}

/** What forms and meanings depend on. */
const likeness = (node: Applied): string =>
  [settingsOf(node), ...node.inputs.map(({ kind, shape }) => `${kind} [${shape.join()}]`)].join(' ')
const standIn = ({ kind, shape, origin }: Node, k: number): Node =>
  Object.freeze({ role: 'input', name: `${k}`, kind, shape, inputs: [] as const, labels: [], origin })
const isScalar = (n: Node): boolean => n.role === 'constant' && typeof n.value === 'number'
