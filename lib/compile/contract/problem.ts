/**
 * A contraction as its schedules see it: four flat sizes, the two operands as expressions of (batch, m, k) and (batch, n, k), and the
 * result put into place with its epilogue. Where n does not run along memory in the output, m may: then the operands can change roles.
 */
import { axis, unravel, type Contract, type Expr } from '../../form/index.ts'
import type { Applied } from '../../graph/index.ts'
import { size, type Dim } from '../../shape/index.ts'
import { elementOf, loader, positionIn, printModule, type KernelContext } from '../kernel.ts'
import { Block, type Text } from '../wgsl.ts'

export interface Problem {
  readonly context: KernelContext
  /** the contraction as its op says it, for schedules that look at its axes one by one */
  readonly anchor: Applied
  readonly form: Contract
  readonly batch: Dim
  readonly m: Dim
  readonly n: Dim
  readonly k: Dim
  /** elements of the operands, in axes named batch, m, n, k */
  readonly a: Expr
  readonly b: Expr
  /** the finished element at (batch, m, n), made from the folded value `sum`, and where it is stored */
  readonly value: Expr
  readonly position: Expr
  /** the element of a at any (batch, m, k), and of b at any (batch, n, k): for packing */
  readonly elementOfA: (batch: Expr, m: Expr, k: Expr) => Expr
  readonly elementOfB: (batch: Expr, n: Expr, k: Expr) => Expr
  /** where the result at any (batch, m, n) stands in what the op gives */
  readonly placeOf: (batch: Expr, m: Expr, n: Expr) => readonly Expr[]
}

const flat = (name: string, shape: readonly Dim[]): readonly Expr[] => unravel(axis(name, size.prod(shape)), shape)

/** The arrangements of a contraction that are worth comparing: as its form says it, and with m and n exchanged. */
export const problemsOf = (context: KernelContext, anchor: Applied, form: Contract): readonly Problem[] => {
  const direct = arrange(context, anchor, form, false)
  return storesAlong(direct) ? [direct] : [direct, arrange(context, anchor, form, true)]
}
/** Does n run along memory in the output, so that four columns are stored together? */
export const storesAlong = (problem: Problem): boolean => runsAlong(problem.context, problem, 'n', problem.position)
const arrange = (context: KernelContext, anchor: Applied, form: Contract, exchange: boolean): Problem => {
  const { fusion, root } = context
  const load = loader(fusion, anchor)
  const [mShape, nShape] = exchange ? [form.n, form.m] : [form.m, form.n]
  const [bs, ms, ns, ks] = [flat('batch', form.batch), flat('m', mShape), flat('n', nShape), flat('k', form.k)]
  const [first, second] = exchange ? [ns, ms] : [ms, ns]
  const [a, b] = [form.a(load, bs, first, ks), form.b(load, bs, second, ks)]
  const index = fusion.landing(root)(form.place(bs, first, second))
  const value = elementOf(fusion, root, index, { anchor, value: { e: 'folded', name: 'sum', kind: 'float' } })
  const [batch, m, n, k] = [form.batch, mShape, nShape, form.k].map(s => size.prod(s)) as [Dim, Dim, Dim, Dim]
  return {
    context,
    anchor,
    form,
    batch,
    m,
    n,
    k,
    a: exchange ? b : a,
    b: exchange ? a : b,
    value,
    position: positionIn(context, index),
    elementOfA: (batchAt, mAt, kAt) => {
      const at = [unravel(batchAt, form.batch), unravel(mAt, mShape), unravel(kAt, form.k)] as const
      return exchange ? form.b(load, ...at) : form.a(load, ...at)
    },
    elementOfB: (batchAt, nAt, kAt) => {
      const at = [unravel(batchAt, form.batch), unravel(nAt, nShape), unravel(kAt, form.k)] as const
      return exchange ? form.a(load, ...at) : form.b(load, ...at)
    },
    placeOf: (batchAt, mAt, nAt) => {
      const [b, r, c] = [unravel(batchAt, form.batch), unravel(mAt, mShape), unravel(nAt, nShape)]
      return exchange ? form.place(b, c, r) : form.place(b, r, c)
    },
  }
}

/** Is this expression a run of four consecutive numbers, aligned, when `name` takes four consecutive values? For loads: one vec4. */
export const runsAlong = (
  context: KernelContext,
  problem: Problem,
  name: 'batch' | 'm' | 'n' | 'k',
  x: Expr,
): boolean => {
  const extent = problem[name]
  if (typeof extent !== 'number' || extent % 4 !== 0) return false
  let along = false
  const source = printModule(context, module => {
    const block = new Block(module, { axis: n => n, four: name, folded: () => zero })
    const [t] = block.print(x) as [Text]
    along = x.e === 'load' ? false : t.spread === 'linear' && t.aligned
    return { body: '', output: { wide: false }, grid: [1, 1, 1] }
  })
  if (x.e !== 'load' && along) return true
  return source.vectors === 'all'
}
/** Does an operand lie along k, four at a time? */
export const alongK = (problem: Problem, x: Expr): boolean => runsAlong(problem.context, problem, 'k', x)
const zero: Text = { text: '0.0', precedence: 4, spread: 'uniform', aligned: false, kind: 'float' }
