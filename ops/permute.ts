import { loosely, op, type Rule, type Shape, type Tensor } from '../lib/index.ts'
import { axisFromFront, wrongAxis } from './axes.ts'
import { rearrange } from './rearrange.ts'

interface Attrs {
  readonly axes: readonly number[]
}
type Permuted<S extends Shape, X extends readonly number[]> = { [K in keyof X]: S[X[K]] }
type Swapped<S extends Shape, A extends number, B extends number> = {
  [K in keyof S]: K extends `${A}` ? S[B] : K extends `${B}` ? S[A] : S[K]
}

const rule: Rule<Attrs> = {
  sentence: ({ axes }) => `axes ${axes.join(', ')}`,
  infer: ([x = []], { axes }) => {
    if (axes.length !== x.length)
      return {
        why: `${axes.length} axes are given for a tensor of rank ${x.length}`,
        inputs: [0],
        axis: Math.min(axes.length, x.length),
        sizes: [x.length, axes.length],
      }
    return wrongAxis(axes, x) ?? axes.map(a => x.at(a)!)
  },
  sample: (draw, { axes }) => [axes.map(draw.size)],
}

/** Axis i of the result is axis axes[i] of x. Where the axes have names, rearrange says it better. */
export const permute: <const X extends readonly number[]>(
  axes: X,
) => <S extends Shape>(x: Tensor<S>) => Tensor<[...Permuted<S, X>]> = op('permute', {
  args: (axes: readonly number[]): Attrs => ({ axes }),
  kinds: 'a -> a',
  rule,
  meaning:
    ({ axes }: Attrs) =>
    x => {
      const names = axes.map((_, k) => `a${k}`)
      const turned = axes.map(a => names[axisFromFront(a, axes.length)])
      return loosely(rearrange)(`${names.join(' ')} -> ${turned.join(' ')}`)(x)
    },
  flops: () => 0,
  sampleAttrs: draw => ({ axes: [...draw.pick([[1, 0], [2, 0, 1], [0, -1, 1], [0], []])] }),
})

const swapRule: Rule<Attrs> = {
  sentence: ({ axes: [a, b] }) => `axes ${a} and ${b} exchanged`,
  infer: ([x = []], { axes: [a, b] }) => {
    const wrong = wrongAxis([a!], x) ?? wrongAxis([b!], x)
    return wrong ?? swapped(x.length, a!, b!).map(k => x[k]!)
  },
  sample: (draw, { axes }) => {
    const rank = Math.max(...axes.map(a => (a < 0 ? -a : a + 1)))
    return [Array.from({ length: rank + draw.int(0, 1) }, draw.size)]
  },
}
const swapped = (rank: number, a: number, b: number): number[] => {
  const axes = Array.from({ length: rank }, (_, k) => k)
  const [i, j] = [axisFromFront(a, rank), axisFromFront(b, rank)]
  return axes.map(k => (k === i ? j : k === j ? i : k))
}

/** Exchanges two axes. */
export const swapAxes: <const A extends number, const B extends number>(
  a: A,
  b: B,
) => <S extends Shape>(
  x: Tensor<S>,
) => Tensor<`${A}${B}` extends `${string}-${string}` ? Shape : number extends A | B ? Shape : Swapped<S, A, B>> = op(
  'swapAxes',
  {
    args: (a: number, b: number): Attrs => ({ axes: [a, b] }),
    kinds: 'a -> a',
    rule: swapRule,
    meaning:
      ({ axes: [a, b] }: Attrs) =>
      x =>
        permute(swapped(x.shape.length, a!, b!))(x),
    flops: () => 0,
    sampleAttrs: draw => ({
      axes: [
        ...draw.pick([
          [0, 1],
          [-1, 0],
          [1, 1],
          [0, 2],
        ]),
      ],
    }),
    laws: { 'undoes itself': (f, x) => [f(f(x)), x] },
  },
)
