import {
  compare,
  literal,
  minus,
  op,
  select,
  size,
  sizeOf,
  stridesOf,
  type Dim,
  type Expr,
  type Index,
  type Rule,
  type Shape,
  type Sum,
  type Tensor,
} from '../lib/index.ts'
import { axisFromFront, replaceAxis, wrongAxis } from './axes.ts'
import { slice } from './slice.ts'

interface Attrs {
  readonly axis: number
}
interface Concat0 {
  <A extends Dim, R extends Shape, Ds extends Shape>(
    first: Index<[A, ...R]>,
    ...more: { [K in keyof Ds]: Index<[Ds[K], ...R]> }
  ): Index<[Sum<[A, ...Ds]>, ...R]>
  <A extends Dim, R extends Shape, Ds extends Shape>(
    first: Tensor<[A, ...R]>,
    ...more: { [K in keyof Ds]: Tensor<[Ds[K], ...R]> }
  ): Tensor<[Sum<[A, ...Ds]>, ...R]>
}
interface Concat1 {
  <B extends Dim, A extends Dim, R extends Shape, Ds extends Shape>(
    first: Index<[B, A, ...R]>,
    ...more: { [K in keyof Ds]: Index<[NoInfer<B>, Ds[K], ...R]> }
  ): Index<[B, Sum<[A, ...Ds]>, ...R]>
  <B extends Dim, A extends Dim, R extends Shape, Ds extends Shape>(
    first: Tensor<[B, A, ...R]>,
    ...more: { [K in keyof Ds]: Tensor<[NoInfer<B>, Ds[K], ...R]> }
  ): Tensor<[B, Sum<[A, ...Ds]>, ...R]>
}
interface ConcatLast {
  <R extends Shape, A extends Dim, Ds extends Shape>(
    first: Index<[...R, A]>,
    ...more: { [K in keyof Ds]: Index<[...R, Ds[K]]> }
  ): Index<[...R, Sum<[A, ...Ds]>]>
  <R extends Shape, A extends Dim, Ds extends Shape>(
    first: Tensor<[...R, A]>,
    ...more: { [K in keyof Ds]: Tensor<[...R, Ds[K]]> }
  ): Tensor<[...R, Sum<[A, ...Ds]>]>
}
/** Of other axes the type of the result is not known; the build knows it. */
type ConcatAny = <Ss extends readonly Shape[]>(...xs: { [K in keyof Ss]: Tensor<Ss[K]> }) => Tensor<Shape>
interface Concats {
  0: Concat0
  1: Concat1
  '-1': ConcatLast
}
type Concat = <const Ax extends number>(
  axis: Ax,
) => number extends Ax ? ConcatAny : `${Ax}` extends `${infer K extends keyof Concats}` ? Concats[K] : ConcatAny

const rule: Rule<Attrs> = {
  sentence: ({ axis }) =>
    axis === 0
      ? 'a ...s, b ...s -> a+b ...s'
      : axis === -1
        ? '...s a, ...s b -> ...s a+b'
        : `joined along axis ${axis}, all other axes equal`,
  infer: (shapes, { axis }) => {
    const [first] = shapes
    if (first === undefined) return { why: 'takes at least one input, got none', sizes: [1, 0] }
    const none = wrongAxis([axis], first)
    if (none !== undefined) return none
    const at = axisFromFront(axis, first.length)
    for (const [k, s] of shapes.entries()) {
      if (s.length !== first.length)
        return {
          why: `input 1 has rank ${first.length} but input ${k + 1} has rank ${s.length}`,
          inputs: [0, k],
          sizes: [first.length, s.length],
        }
      const other = s.findIndex((d, a) => a !== at && d !== first[a])
      if (other >= 0)
        return {
          why: `axis ${other} is ${first[other]} in input 1 but ${s[other]} in input ${k + 1}`,
          inputs: [0, k],
          axis: other,
          sizes: [first[other]!, s[other]!],
        }
    }
    return replaceAxis(first, at, size.sum(shapes.map(s => s[at]!)))
  },
  sample: (draw, { axis }) => {
    const rank = draw.int(axis < 0 ? -axis : axis + 1, 3)
    const shape = Array.from({ length: rank }, draw.size)
    const at = axisFromFront(axis, rank)
    return Array.from({ length: draw.int(1, 4) }, () => shape.map((d, k) => (k === at ? draw.size() : d)))
  },
}
/** Where along the axis each input begins. */
const starts = (lengths: readonly Dim[]): readonly Dim[] => lengths.map((_, k) => size.sum(lengths.slice(0, k)))

/** Joins tensors of one kind along an existing axis; all other axes agree, a part may have length 0: `concat(0)(picture, text)`. */
export const concat: Concat = op('concat', {
  args: (axis: number): Attrs => ({ axis }),
  kinds: 'a -> a',
  rule,
  reference: (inputs, { attrs, shape }) => {
    const at = axisFromFront(attrs.axis, shape.length)
    const inner = stridesOf(shape)[at]!
    const outer = shape.slice(0, at).reduce((a, b) => a * b, 1)
    const out = new Float64Array(shape.reduce((a, b) => a * b, 1))
    let to = 0
    for (let o = 0; o < outer; o++)
      for (const x of inputs) {
        const run = x.shape[at]! * inner
        out.set(x.data.subarray(o * run, (o + 1) * run), to)
        to += run
      }
    return out
  },
  form: ({ attrs, inputs, shapes }) => {
    const at = axisFromFront(attrs.axis, shapes[0]!.length)
    const begin = starts(shapes.map(s => s[at]!))
    return {
      form: 'each',
      value: (load, index) => {
        const part = (k: number): Expr =>
          load(
            k,
            index.map((i, a) => (a === at ? minus(i, sizeOf(begin[k]!)) : i)),
          )
        return (
          inputs
            .map((_, k) => k)
            .filter(k => shapes[k]![at] !== 0)
            .reduceRight<Expr | undefined>(
              (rest, k) =>
                rest === undefined
                  ? part(k)
                  : select(compare(index[at]!, '<', sizeOf(size.add(begin[k]!, shapes[k]![at]!))), part(k), rest),
              undefined,
            ) ?? literal(0, inputs[0]!.kind)
        )
      },
    }
  },
  gradient: (dy, { inputs, attrs }) => {
    const rank = inputs[0]!.shape.length
    const axis = axisFromFront(attrs.axis, rank)
    const lengths = inputs.map(x => (x.shape as Shape)[axis]!)
    return starts(lengths).map((start, k) => slice({ axis, start, stop: size.add(start, lengths[k]!) })(dy))
  },
  flops: () => 0,
  simplify: ({ inputs }) => (inputs.length === 1 ? inputs[0] : undefined),
  sampleAttrs: draw => ({ axis: draw.pick([0, -1, 1]) }),
  laws: { 'of one is itself': (f, x) => [f(x), x] },
})
