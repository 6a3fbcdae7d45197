import {
  boundSizes,
  expressions,
  indexAlong,
  literal,
  isRefusal,
  loosely,
  namesOf,
  numbers,
  op,
  positions,
  readSignature,
  signatureRule,
  solvePattern,
  stridesOf,
  positionOf,
  tabulate,
  type Canon,
  type CheckSig,
  type Dim,
  type Expr,
  type PlanOf,
  type Rule,
  type Sizes,
  type UnaryFn,
} from '../lib/index.ts'
import { reduce } from './reduce.ts'

interface Attrs {
  readonly pattern: string
  readonly sizes: Readonly<Record<string, Dim>>
}
type Rearrange = <const Sig extends string, const Z extends Sizes = {}>(
  pattern: CheckSig<Sig, keyof Z & string>,
  sizes?: Z,
) => UnaryFn<PlanOf<Sig, keyof Z & string>, Canon<Z>>

const names = signatureRule<Attrs>(
  a => a.pattern,
  a => a.sizes,
)
const rule: Rule<Attrs> = {
  ...names,
  infer: (shapes, attrs) => {
    const { inputs, output } = readSignature(attrs.pattern)
    const left = namesOf(inputs[0] ?? [])
    const right = namesOf(output)
    const twice = [left, right].flatMap(side => side.filter((n, k) => n !== '1' && side.indexOf(n) !== k))
    if (twice.length > 0) return { why: `'${twice[0]}' stands twice on one side`, axis: twice[0] as string }
    const lost = left.find(n => !right.includes(n) && n !== '1')
    const shape = names.infer(shapes, attrs)
    if (isRefusal(shape) || lost === undefined) return shape
    return { why: `axis '${lost}' is not on the right; to fold it use reduce`, axis: lost, inputs: [0] }
  },
}

/**
 * Reorders, splits, joins and repeats axes by an einops pattern: '...s n (h d) -> ...s h n d'. Names in a group need sizes, all but
 * one; names only on the right repeat the data and need a size. Rogozhnikov, Einops, 2022.
 */
export const rearrange: Rearrange = op('rearrange', {
  args: (pattern: string, sizes: Readonly<Record<string, Dim>> = {}): Attrs => ({ pattern, sizes }),
  kinds: 'a -> a',
  rule,
  reference: ([x], { attrs, shape, shapes, size }) => {
    const pattern = solvePattern(attrs.pattern, boundSizes(attrs.sizes, size), shapes)
    const strides = stridesOf(x!.shape)
    return tabulate(shape, index => {
      const at = positions(numbers, pattern, pattern.output, index)
      at.set('1', 0)
      return x!.data[positionOf(indexAlong(numbers, pattern, pattern.inputs[0]!, at), strides)] as number
    })
  },
  form: ({ attrs, shapes }) => {
    const pattern = solvePattern(attrs.pattern, attrs.sizes, shapes)
    const [left, right] = [pattern.inputs[0]!, pattern.output]
    const along = (from: typeof left, index: readonly Expr[], to: typeof left): readonly Expr[] => {
      const at = positions(expressions, pattern, from, index)
      at.set('1', literal(0, 'index'))
      return indexAlong(expressions, pattern, to, at)
    }
    const repeats = namesOf(right).some(n => n !== '1' && !namesOf(left).includes(n))
    return {
      form: 'each',
      value: (load, index) => load(0, along(right, index, left)),
      ...(repeats ? {} : { moves: index => along(left, index, right) }),
    }
  },
  gradient: (dy, { inputs, attrs }) => {
    const pattern = solvePattern(
      attrs.pattern,
      attrs.sizes,
      inputs.map(x => x.shape),
    )
    const [left, right] = attrs.pattern.split('->').map(s => s.trim()) as [string, string]
    const sizes = Object.fromEntries(
      namesOf([...pattern.inputs[0]!, ...pattern.output])
        .filter(n => /^[a-zA-Z_]/.test(n))
        .map(n => [n, pattern.size(n)]),
    )
    return [loosely(reduce)('sum', `${right} -> ${left}`, sizes)(dy)]
  },
  flops: () => 0,
  sampleAttrs: draw =>
    draw.pick<Attrs>([
      { pattern: 'a b -> b a', sizes: {} },
      { pattern: '...s n (h d) -> ...s h n d', sizes: { h: 2, d: 3 } },
      { pattern: 'a b c -> (c a) b', sizes: {} },
      { pattern: 'a -> n a', sizes: { n: 3 } },
      { pattern: '(a b) c -> b (c a)', sizes: { a: 2, b: 5 } },
    ]),
  laws: {},
}) as Rearrange
