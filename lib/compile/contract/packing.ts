/**
 * Packing: an operand copied into the order in which a fast kernel reads it. It is an each-node of the compiler's own, closed over the
 * expression it computes, so that lowering treats it like any other node: weights are packed in `prepare`, run-time operands by a pass.
 */
import { partsOf, type Each, type Expr, type Load } from '../../form/index.ts'
import { nodeOf, op, type AnyTensor, type Applied, type Node } from '../../graph/index.ts'
import type { Dim, Shape } from '../../shape/index.ts'
import type { WeightStorage } from '../pass.ts'

/** the names of the compiler's own each-ops that pack an operand: as plain numbers, or in blocks of a storage */
const [packing, storing] = ['packPanels', 'storeWeights']
export const isPacking = (node: Node): node is Applied =>
  node.role === 'applied' && (node.op.name === packing || node.op.name === storing)
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
/** An each-node of the compiler's own: what it computes is an expression that is closed over. */
const packed = (panels: Panels, inputs: readonly Node[], form: Each): Applied => {
  const name = panels.storage === undefined ? packing : storing
  const packPanels: (panels: Panels) => (...xs: AnyTensor[]) => AnyTensor = op(name, {
    args: (p: Panels) => p,
    // what it reads may be numbers, and indices that say where
    kinds: 'a, b, c, d, e, f, g, h -> float',
    rule: {
      sentence: () => 'n k -> panels k 32',
      infer: (_: readonly Shape[], p: Panels) => p.shape,
      sample: () => [],
    },
    form: () => form,
    flops: () => 0,
  })
  return nodeOf(packPanels(panels)(...inputs)) as Applied
}

/** A node of this shape whose element at an index is `element(index)`, whatever that loads. */
export const pack = (shape: Shape, element: (index: readonly Expr[]) => Expr, storage?: WeightStorage): Applied => {
  const symbolic = element(shape.map((extent: Dim, i) => ({ e: 'axis', axis: `p${i}`, extent })))
  const leaves = leavesOf(symbolic)
  const panels = { of: addressOf(symbolic, leaves), shape, ...(storage === undefined ? {} : { storage }) }
  return packed(panels, leaves, {
    form: 'each',
    value: (load, index) => loadedBy(load, leaves)(element(index)),
  })
}
/** An expression that loads from the inputs of whichever node it is part of, in place of these. */
const loadedBy = (load: Load, leaves: readonly Node[]): ((x: Expr) => Expr) => {
  const made = new Map<Expr, Expr>()
  const from = (x: Expr): Expr => {
    switch (x.e) {
      case 'load':
        return load(leaves.indexOf(x.of), x.index.map(again))
      case 'arith':
      case 'compare':
        return { ...x, a: again(x.a), b: again(x.b) }
      case 'and':
        return { ...x, a: again(x.a), b: again(x.b) }
      case 'select':
        return { ...x, cond: again(x.cond), yes: again(x.yes), no: again(x.no) }
      case 'convert':
        return { ...x, x: again(x.x) }
      case 'wgsl':
        return { ...x, holes: x.holes.map(again) }
      default:
        return x
    }
  }
  const again = (x: Expr): Expr => {
    const known = made.get(x)
    if (known !== undefined) return known
    const fresh = from(x)
    made.set(x, fresh)
    return fresh
  }
  return again
}
/** an expression as text, with nodes by their number among the packing's inputs */
const addressOf = (x: Expr, leaves: readonly Node[]): string =>
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
