/**
 * Expressions over elements: what an op says about one element of its output, and the one language that fusion works in. Inlining a
 * producer is substituting its expression for a load; a movement op is nothing but an index. Index arithmetic is structural, so that
 * it can be simplified and linearised; arithmetic on values is WGSL text with holes, which reads the same for f32 and vec4f.
 */
import type { Dim } from '../shape/index.ts'
import type { Kind, Node } from '../graph/tensor.ts'

/** A WGSL function that an expression calls; `code` writes it for the element type T (`f32` or `vec4f`), under the given name. */
export interface WgslHelper {
  readonly helper: string
  readonly code: (T: string, name: string) => string
}
export type Expr =
  | { readonly e: 'literal'; readonly kind: Kind; readonly value: number }
  /** a size, literal or named: an index */
  | { readonly e: 'size'; readonly dim: Dim }
  /** the position along one axis of the kernel's iteration space; `extent` is how many positions there are */
  | { readonly e: 'axis'; readonly axis: string; readonly extent: Dim }
  /** one element of a tensor */
  | { readonly e: 'load'; readonly of: Node; readonly index: readonly Expr[] }
  /** whole-number arithmetic on indices; / and % are of numbers that are not negative, and round down */
  | { readonly e: 'arith'; readonly op: '+' | '-' | '*' | '/' | '%'; readonly a: Expr; readonly b: Expr }
  /** a < b and the like, on indices */
  | { readonly e: 'compare'; readonly op: '<' | '<=' | '==' | '>=' | '>'; readonly a: Expr; readonly b: Expr }
  | { readonly e: 'and'; readonly a: Expr; readonly b: Expr }
  /** both sides are evaluated; only the chosen one counts. Loads outside a tensor are harmless and give any number. */
  | { readonly e: 'select'; readonly cond: Expr; readonly yes: Expr; readonly no: Expr }
  /** WGSL text with one hole between each two parts */
  | {
      readonly e: 'wgsl'
      readonly kind: Kind
      readonly parts: readonly string[]
      readonly holes: readonly Expr[]
      readonly helpers: readonly WgslHelper[]
    }
  /** change of kind: float to index drops the fraction; truth to others is 0 or 1; to truth is `!= 0` */
  | { readonly e: 'convert'; readonly to: Kind; readonly from: Kind; readonly x: Expr }
  /** the value of an accumulator of a reduction, or of a contraction's sum */
  | { readonly e: 'folded'; readonly name: string; readonly kind: Kind }

export const literal = (value: number, kind: Kind = 'float'): Expr => ({ e: 'literal', kind, value })
export const sizeOf = (dim: Dim): Expr => (typeof dim === 'number' ? literal(dim, 'index') : { e: 'size', dim })
const asIndex = (x: Expr | number): Expr => (typeof x === 'number' ? literal(x, 'index') : x)

type Hole = Expr | number | WgslHelper
const isHelper = (h: Hole): h is WgslHelper => typeof h === 'object' && 'helper' in h
const wgslOf =
  (kind: Kind) =>
  (texts: TemplateStringsArray, ...holes: readonly Hole[]): Expr => {
    const parts: string[] = [texts[0] ?? '']
    const args: Expr[] = []
    const helpers: WgslHelper[] = []
    holes.forEach((hole, i) => {
      const after = texts[i + 1] ?? ''
      if (isHelper(hole)) {
        helpers.push(hole)
        parts[parts.length - 1] += `@${hole.helper}${after}`
      } else {
        args.push(typeof hole === 'number' ? literal(hole) : hole)
        parts.push(after)
      }
    })
    return { e: 'wgsl', kind, parts, holes: args, helpers }
  }
/**
 * A number computed by WGSL. Holes are expressions, JavaScript numbers (printed as f32 or vec4f, as the kernel needs), or helper
 * functions: wgsl`max(${x}, ${0})`, wgsl`${erf}(${x})`. The text must mean the same for f32 and vec4f; a helper is written as `@name`.
 */
export const wgsl = wgslOf('float')
/** A truth value computed by WGSL: wgslTruth`${a} < ${b}`. */
export const wgslTruth = wgslOf('truth')
/** A whole number computed by WGSL, always scalar i32. */
export const wgslIndex = wgslOf('index')

const fold: Record<'+' | '-' | '*' | '/' | '%', (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.floor(a / b),
  '%': (a, b) => a % b,
}
const isNumber = (x: Expr): x is Expr & { e: 'literal' } => x.e === 'literal'
const is = (x: Expr, value: number): boolean => isNumber(x) && x.value === value
/** is 0 <= x < limit certain? */
const below = (x: Expr, limit: Expr): boolean => {
  if (x.e === 'axis') return sameDim(x.extent, limit)
  if (x.e === 'arith' && x.op === '%')
    return isNumber(limit) ? is(x.b, limit.value) : JSON.stringify(x.b) === JSON.stringify(limit)
  return isNumber(x) && isNumber(limit) && x.value >= 0 && x.value < limit.value
}
const sameDim = (d: Dim, limit: Expr): boolean =>
  limit.e === 'size' ? limit.dim === d : isNumber(limit) && typeof d === 'number' && d <= limit.value

/** Index arithmetic, simplified on the way: constants fold, (q*n + r)/n is q and (q*n + r)%n is r where r < n. */
const arith = (op: '+' | '-' | '*' | '/' | '%', a: Expr, b: Expr): Expr => {
  // an axis of length 0 has no elements, so what their index would be does not matter
  if ((op === '/' || op === '%') && is(b, 0)) return literal(0, 'index')
  if (isNumber(a) && isNumber(b)) return literal(fold[op](a.value, b.value), 'index')
  if ((op === '+' || op === '-') && is(b, 0)) return a
  if (op === '+' && is(a, 0)) return b
  if ((op === '*' || op === '/') && is(b, 1)) return a
  if (op === '*' && is(a, 1)) return b
  if ((op === '+' || op === '-') && isNumber(b)) {
    // x + 1 - 3 is x - 2, and x + -2 is x - 2
    const inner = a.e === 'arith' && (a.op === '+' || a.op === '-') && isNumber(a.b) ? a : undefined
    const before = inner === undefined ? 0 : fold[inner.op](0, (inner.b as { value: number }).value)
    const total = fold[op](before, b.value)
    if (inner !== undefined || b.value < 0)
      return total < 0
        ? { e: 'arith', op: '-', a: inner?.a ?? a, b: literal(-total, 'index') }
        : plus(inner?.a ?? a, total)
  }
  if (op === '*' && (is(a, 0) || is(b, 0))) return literal(0, 'index')
  if (op === '%' && is(b, 1)) return literal(0, 'index')
  if (op === '+') {
    const whole = rejoined(a, b)
    if (whole) return whole
  }
  if (op === '/' || op === '%') {
    if (below(a, b)) return op === '/' ? literal(0, 'index') : a
    if (a.e === 'arith' && a.op === '+' && below(a.b, b)) {
      const whole = exactly(a.a, b)
      if (whole) return op === '/' ? whole : a.b
    }
    const whole = exactly(a, b)
    if (whole) return op === '/' ? whole : literal(0, 'index')
  }
  return { e: 'arith', op, a, b }
}
/** q where a is visibly q*b */
const exactly = (a: Expr, b: Expr): Expr | undefined => {
  if (a.e !== 'arith' || a.op !== '*') return undefined
  if (sameExpr(a.b, b)) return a.a
  if (isNumber(a.b) && isNumber(b) && a.b.value % b.value === 0) return times(a.a, a.b.value / b.value)
  return undefined
}
/** x where a + b is visibly (x / n) * n + x % n */
const rejoined = (a: Expr, b: Expr): Expr | undefined => {
  if (b.e !== 'arith' || b.op !== '%' || a.e !== 'arith' || a.op !== '*' || !sameExpr(a.b, b.b)) return undefined
  return a.a.e === 'arith' && a.a.op === '/' && sameExpr(a.a.b, b.b) && sameExpr(a.a.a, b.a) ? b.a : undefined
}
const sameExpr = (a: Expr, b: Expr): boolean => {
  if (a === b) return true
  if (isNumber(a)) return isNumber(b) && a.value === b.value
  if (a.e === 'size') return b.e === 'size' && a.dim === b.dim
  if (a.e === 'axis') return b.e === 'axis' && a.axis === b.axis
  return a.e === 'arith' && b.e === 'arith' && a.op === b.op && sameExpr(a.a, b.a) && sameExpr(a.b, b.b)
}

export const plus = (a: Expr | number, b: Expr | number): Expr => arith('+', asIndex(a), asIndex(b))
export const minus = (a: Expr | number, b: Expr | number): Expr => arith('-', asIndex(a), asIndex(b))
export const times = (a: Expr | number, b: Expr | number): Expr => arith('*', asIndex(a), asIndex(b))
export const over = (a: Expr | number, b: Expr | number): Expr => arith('/', asIndex(a), asIndex(b))
export const modulo = (a: Expr | number, b: Expr | number): Expr => arith('%', asIndex(a), asIndex(b))
export const compare = (a: Expr | number, op: '<' | '<=' | '==' | '>=' | '>', b: Expr | number): Expr => ({
  e: 'compare',
  op,
  a: asIndex(a),
  b: asIndex(b),
})
export const and = (a: Expr, b: Expr): Expr => ({ e: 'and', a, b })
export const select = (cond: Expr, yes: Expr, no: Expr): Expr => ({ e: 'select', cond, yes, no })
export const convert = (x: Expr, from: Kind, to: Kind): Expr => (from === to ? x : { e: 'convert', to, from, x })
export const axis = (name: string, extent: Dim): Expr =>
  extent === 1 ? literal(0, 'index') : { e: 'axis', axis: name, extent }

/** Row-major position of an index in a shape: the last axis is contiguous. */
export const rowMajor = (index: readonly Expr[], shape: readonly Dim[]): Expr =>
  index.reduce((at, i, k) => plus(times(at, sizeOf(shape[k] as Dim)), i), literal(0, 'index'))
/** The index at a row-major position: the inverse of rowMajor. */
export const unravel = (position: Expr, shape: readonly Dim[]): readonly Expr[] => {
  const index: Expr[] = []
  let left = position
  for (let k = shape.length - 1; k >= 0; k--) {
    const size = sizeOf(shape[k] as Dim)
    index.unshift(k === 0 && shape[0] !== 1 ? left : modulo(left, size))
    left = over(left, size)
  }
  return index
}

/** The expressions that an expression is made of. */
export const partsOf = (x: Expr): readonly Expr[] => {
  switch (x.e) {
    case 'load':
      return x.index
    case 'arith':
    case 'compare':
    case 'and':
      return [x.a, x.b]
    case 'select':
      return [x.cond, x.yes, x.no]
    case 'convert':
      return [x.x]
    case 'wgsl':
      return x.holes
    default:
      return []
  }
}
/** An expression with some of its parts replaced: where `by` gives something for a part, that stands in its place. */
export const rewritten = (x: Expr, by: (part: Expr, again: (x: Expr) => Expr) => Expr | undefined): Expr => {
  const made = new Map<Expr, Expr>()
  const from = (y: Expr): Expr => {
    const given = by(y, again)
    if (given !== undefined) return given
    switch (y.e) {
      case 'load':
        return { ...y, index: y.index.map(again) }
      case 'arith':
      case 'compare':
        return { ...y, a: again(y.a), b: again(y.b) }
      case 'and':
        return { ...y, a: again(y.a), b: again(y.b) }
      case 'select':
        return { ...y, cond: again(y.cond), yes: again(y.yes), no: again(y.no) }
      case 'convert':
        return { ...y, x: again(y.x) }
      case 'wgsl':
        return { ...y, holes: y.holes.map(again) }
      default:
        return y
    }
  }
  const again = (y: Expr): Expr => {
    const known = made.get(y)
    if (known !== undefined) return known
    const fresh = from(y)
    made.set(y, fresh)
    return fresh
  }
  return again(x)
}
/** The kind of what an expression gives. */
export const kindOf = (x: Expr): Kind => {
  switch (x.e) {
    case 'literal':
    case 'wgsl':
    case 'folded':
      return x.kind
    case 'load':
      return x.of.kind
    case 'select':
      return kindOf(x.yes)
    case 'convert':
      return x.to
    case 'compare':
    case 'and':
      return 'truth'
    default:
      return 'index'
  }
}
