/**
 * Packing: an operand copied into the order in which a fast kernel reads it. It is an each-node of the compiler's own, closed over the
 * expression it computes, so that lowering treats it like any other node: weights are packed in `prepare`, run-time operands by a pass.
 * So are the sums of parts of a contraction, which a kernel adds up.
 */
import { partsOf, rewritten, type Contract, type Expr, type Form, type Load } from '../../form/index.ts'
import { nodeOf, op, type AnyTensor, type Applied, type Node } from '../../graph/index.ts'
import { size, type Dim, type Shape } from '../../shape/index.ts'
import type { WeightStorage } from '../pass.ts'

/** the names of the compiler's own ops: those that pack an operand, as plain numbers or in blocks of a storage, and sums of parts */
const [packing, storing, summing] = ['packPanels', 'storeWeights', 'sumParts']
export const isPacking = (node: Node): node is Applied =>
  node.role === 'applied' && [packing, storing, summing].includes(node.op.name)
interface Panels {
  /** which element goes where, to tell equal packings of the same nodes */
  readonly of: string
  readonly shape: Shape
  /** of weights in blocks (blocks.ts) */
  readonly storage?: WeightStorage
}
/** How the blocks of a packing are stored; undefined where it is plain numbers, or no packing. */
export const blocksStorage = (node: Node): WeightStorage | undefined =>
  isPacking(node) ? (node.attrs as Panels).storage : undefined
/** A node of the compiler's own: what it computes is an expression that is closed over. */
const packed = (name: string, panels: Panels, inputs: readonly Node[], form: Form, flops: Dim = 0): Applied => {
  const packPanels: (panels: Panels) => (...xs: AnyTensor[]) => AnyTensor = op(name, {
    args: (p: Panels) => p,
    // what it reads may be numbers, and indices that say where
    kinds: `${[...'abcdefghijklmnopqrstuvwxyz'].join(', ')} -> float`,
    rule: {
      sentence: () => 'n k -> panels k 32',
      infer: (_: readonly Shape[], p: Panels) => p.shape,
      sample: () => [],
    },
    form: () => form,
    flops: () => flops,
  })
  return nodeOf(packPanels(panels)(...inputs)) as Applied
}

/** A node of this shape whose element at an index is `element(index)`, whatever that loads. */
export const pack = (shape: Shape, element: (index: readonly Expr[]) => Expr, storage?: WeightStorage): Applied => {
  const symbolic = element(shape.map((extent: Dim, i) => ({ e: 'axis', axis: `p${i}`, extent })))
  const leaves = leavesOf(symbolic)
  const panels = { of: addressOf(symbolic, leaves), shape, ...(storage === undefined ? {} : { storage }) }
  return packed(storage === undefined ? packing : storing, panels, leaves, {
    form: 'each',
    value: (load, index) => loadedBy(load, leaves)(element(index)),
  })
}
/** A contraction of the compiler's own, of this shape, with operands in terms of what they load. */
export const sumsOfParts = (shape: Shape, form: Contract, load: Load): Applied => {
  const named = (name: string, extents: Shape): readonly Expr[] =>
    extents.map((extent, i) => ({ e: 'axis', axis: `${name}${i}`, extent }))
  const [batch, m, n, k] = [named('b', form.batch), named('m', form.m), named('n', form.n), named('k', form.k)]
  const operands = [form.a(load, batch, m, k), form.b(load, batch, n, k)]
  const leaves = [...new Set(operands.flatMap(leavesOf))]
  const of = operands.map(x => addressOf(x, leaves)).join()
  const flops = size.mul(2, size.prod([...form.batch, ...form.m, ...form.n, ...form.k]))
  return packed(
    summing,
    { of, shape },
    leaves,
    {
      ...form,
      a: (own, ...at) => loadedBy(own, leaves)(form.a(load, ...at)),
      b: (own, ...at) => loadedBy(own, leaves)(form.b(load, ...at)),
    },
    flops,
  )
}
/** An expression that loads from the inputs of whichever node it is part of, in place of these. */
const loadedBy =
  (load: Load, leaves: readonly Node[]): ((x: Expr) => Expr) =>
  x =>
    rewritten(x, (y, again) => (y.e === 'load' ? load(leaves.indexOf(y.of), y.index.map(again)) : undefined))
/** An expression as text, with nodes by their number among some. */
export const addressOf = (x: Expr, leaves: readonly Node[]): string =>
  JSON.stringify(x, (key, value: unknown) => (key === 'of' ? leaves.indexOf(value as Node) : value))
/** The nodes that an expression loads from. */
export const leavesOf = (x: Expr): readonly Node[] => {
  const found = new Set<Node>()
  const visit = (y: Expr): void => {
    if (y.e === 'load') found.add(y.of)
    partsOf(y).forEach(visit)
  }
  visit(x)
  return [...found]
}
