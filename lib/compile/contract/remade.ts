/**
 * What the kernel of a few rows makes anew (../remake.ts): the factor that its rows are normalised by, and another product of the same
 * rows that its result is made with, element by element.
 */
import { axis, partsOf, rewritten, rowMajor, type Expr, type Reduce } from '../../form/index.ts'
import type { Applied, Node } from '../../graph/index.ts'
import { loader } from '../kernel.ts'
import { blocksFit } from './blocks.ts'
import { addressOf, leavesOf } from './packing.ts'
import { problemsOf, type Problem } from './problem.ts'

const isSame = (a: Expr, b: Expr): boolean => {
  const leaves = [...new Set([...leavesOf(a), ...leavesOf(b)])]
  return addressOf(a, leaves) === addressOf(b, leaves)
}
const remadeLeaf = ({ context: { fusion } }: Problem, x: Expr): Applied | undefined => {
  const [leaf, ...more] = leavesOf(x).filter((node): node is Applied => node.role === 'applied' && fusion.remade(node))
  return more.length === 0 ? leaf : undefined
}
/** Is a part of an expression so? */
const some = (x: Expr, is: (part: Expr) => boolean): boolean => is(x) || partsOf(x).some(part => some(part, is))

/** Rows that are normalised by a factor, as a product reads them: without it. */
export interface OwnRows {
  readonly node: Applied
  readonly a: Expr
  /** what has to be summed up along k for the factor */
  readonly summand: Expr
  /** the factor that sums of products have still to be multiplied with, made from the folded value `row` */
  readonly factor: Expr
}
/** Of rows along the last axis, which is k, that are folded by one sum; undefined where a is something else. */
export const ownRows = (problem: Problem): OwnRows | undefined => {
  const { context, a, k } = problem
  const { fusion } = context
  const node = remadeLeaf(problem, a)
  const form = node === undefined ? undefined : fusion.form(node)
  if (node === undefined || form?.form !== 'reduce' || form.finish.per !== 'element') return undefined
  const { finish, passes } = form
  const [pass, ...morePasses] = passes
  if (finish.factor === undefined || pass?.monoid !== 'sum' || morePasses.length > 0) return undefined
  // the rows themselves, and whole: of anything made from them the factor cannot be taken out
  if (a.e !== 'load' || a.of !== node || !foldsLast(form, node) || form.columns[0] !== k) return undefined
  const [row, column] = [a.index.slice(0, -1), a.index.at(-1) as Expr]
  if (!isSame(column, axis('k', k)) || row.some(i => some(i, part => part.e === 'axis' && part.axis === 'k')))
    return undefined
  const from = loader(fusion, node)
  const folded = (): Expr => ({ e: 'folded', name: 'row', kind: 'float' })
  return {
    node,
    a: finish.value(folded, from, row, [column]),
    summand: pass.value(from, row, [column], folded),
    factor: finish.factor(folded),
  }
}
/** Does every element stand where its row and its place in it say? */
const foldsLast = ({ rows, columns, finish }: Reduce, { shape }: Node): boolean => {
  if (finish.per !== 'element' || columns.length !== 1 || rows.length !== shape.length - 1) return false
  const [row, column] = [rows.map((d, i) => axis(`r${i}`, d)), axis('c', columns[0]!)]
  return finish.place(row, [column]).every((x, i) => isSame(x, [...row, column][i] as Expr))
}

/** Another product beside this one, and the result as it is made from the sums of both, `sum` and `beside`. */
export interface Beside {
  /** what it gives */
  readonly node: Applied
  readonly problem: Problem
  readonly value: Expr
}
export const besideOwn = (problem: Problem): Beside | undefined => {
  const { context, value } = problem
  const { fusion } = context
  const node = remadeLeaf(problem, value)
  const anchor = node === undefined ? undefined : (fusion.anchor(node) ?? node)
  const form = anchor === undefined ? undefined : fusion.form(anchor)
  if (node === undefined || anchor === undefined || form?.form !== 'contract' || context.part !== undefined)
    return undefined
  const beside = problemsOf({ ...context, root: node }, anchor, form).find(
    other =>
      isSame(other.a, problem.a) &&
      (['batch', 'm', 'n', 'k'] as const).every(axisName => other[axisName] === problem[axisName]),
  )
  // weights, which are stored for this kernel before the first run
  if (beside === undefined || !blocksFit(beside)) return undefined
  // each of its elements has to be read where it is made
  const isElsewhere = (part: Expr): boolean =>
    part.e === 'load' && part.of === node && !isSame(rowMajor(part.index, node.shape), beside.position)
  if (some(value, isElsewhere)) return undefined
  const other = rewritten(beside.value, part => (part.e === 'folded' ? { ...part, name: 'beside' } : undefined))
  return {
    node,
    problem: beside,
    value: rewritten(value, part => (part.e === 'load' && part.of === node ? other : undefined)),
  }
}
