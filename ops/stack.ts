import { loosely, op, type Add, type AnyTensor, type Rule, type Shape, type Tensor } from '../lib/index.ts'
import { axisFromFront, wrongAxis } from './axes.ts'
import { concat } from './concat.ts'
import { reshape } from './reshape.ts'

interface Attrs {
  readonly axis: number
}
interface Stacks {
  0: <S extends Shape, Ts extends readonly Tensor<S>[]>(
    first: Tensor<S>,
    ...more: Ts
  ) => Tensor<[Add<1, Ts['length']>, ...S]>
  '-1': <S extends Shape, Ts extends readonly Tensor<S>[]>(
    first: Tensor<S>,
    ...more: Ts
  ) => Tensor<[...S, Add<1, Ts['length']>]>
}
type StackAny = <S extends Shape>(first: Tensor<S>, ...more: readonly Tensor<S>[]) => Tensor<Shape>
type Stack = <const Ax extends number>(
  axis: Ax,
) => number extends Ax ? StackAny : `${Ax}` extends `${infer K extends keyof Stacks}` ? Stacks[K] : StackAny

const rule: Rule<Attrs> = {
  sentence: ({ axis }) => `equal shapes, along a new axis ${axis}`,
  infer: (shapes, { axis }) => {
    const [first] = shapes
    if (first === undefined) return { why: 'takes at least one input, got none', sizes: [1, 0] }
    const grown = [...first, shapes.length]
    const none = wrongAxis([axis], grown)
    if (none !== undefined) return none
    for (const [k, s] of shapes.entries()) {
      if (s.length !== first.length)
        return { why: `the ranks are ${first.length} and ${s.length}`, inputs: [0, k], sizes: [first.length, s.length] }
      const other = s.findIndex((d, a) => d !== first[a])
      if (other >= 0)
        return {
          why: `axis ${other} is ${first[other]} in input 1 but ${s[other]} in input ${k + 1}`,
          inputs: [0, k],
          axis: other,
          sizes: [first[other]!, s[other]!],
        }
    }
    const at = axisFromFront(axis, grown.length)
    return [...first.slice(0, at), shapes.length, ...first.slice(at)]
  },
  sample: (draw, { axis }) => {
    const shape = Array.from({ length: draw.int(axis < 0 ? -axis - 1 : axis, 3) }, draw.size)
    return Array.from({ length: draw.int(1, 4) }, () => shape)
  },
}

/** Joins tensors of one shape along a new axis, which is axis number `axis` of the result. */
export const stack: Stack = op('stack', {
  args: (axis: number): Attrs => ({ axis }),
  kinds: 'a -> a',
  rule,
  meaning:
    ({ axis }: Attrs) =>
    (...xs) => {
      const shape = xs[0]!.shape as Shape
      const at = axisFromFront(axis, shape.length + 1)
      const opened = loosely(reshape)([...shape.slice(0, at), 1, ...shape.slice(at)])
      return loosely(concat)(at)(...xs.map((x): AnyTensor => opened(x)))
    },
  flops: () => 0,
  sampleAttrs: draw => ({ axis: draw.pick([0, -1, 1]) }),
})
