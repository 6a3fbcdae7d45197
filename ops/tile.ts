import { loosely, op, size, type Dim, type Rule, type Shape, type Tensor } from '../lib/index.ts'
import { axisFromFront, replaceAxis, wrongAxis } from './axes.ts'
import { rearrange } from './rearrange.ts'

interface Tiles {
  readonly repeats: readonly Dim[]
}
const tileRule: Rule<Tiles> = {
  sentence: ({ repeats }) => `... -> ... times [${repeats.join(', ')}]`,
  infer: ([x = []], { repeats }) =>
    repeats.length === x.length
      ? x.map((d, k) => size.mul(d, repeats[k]!))
      : {
          why: `${repeats.length} counts are given for a tensor of rank ${x.length}`,
          inputs: [0],
          axis: Math.min(repeats.length, x.length),
          sizes: [x.length, repeats.length],
        },
  sample: (draw, { repeats }) => [repeats.map(draw.size)],
}
/** repeats[k] copies of the whole along axis k (a b a b); one entry per axis. Where the axes have names, rearrange says it better. */
export const tile: (repeats: readonly Dim[]) => <S extends Shape>(x: Tensor<S>) => Tensor<Shape> = op('tile', {
  args: (repeats: readonly Dim[]): Tiles => ({ repeats }),
  kinds: 'a -> a',
  rule: tileRule,
  meaning:
    ({ repeats }: Tiles) =>
    x => {
      const left = repeats.map((_, k) => `a${k}`)
      const right = repeats.map((_, k) => `(r${k} a${k})`)
      const sizes = Object.fromEntries(repeats.map((r, k) => [`r${k}`, r]))
      return loosely(rearrange)(`${left.join(' ')} -> ${right.join(' ')}`, sizes)(x)
    },
  flops: () => 0,
  sampleAttrs: draw => ({ repeats: [...draw.pick([[2], [1, 3], [2, 1, 2]])] }),
})

interface Repeats {
  readonly axis: number
  readonly repeats: Dim
}
const repeatRule: Rule<Repeats> = {
  sentence: ({ axis, repeats }) => `every element of axis ${axis} ${repeats} times`,
  infer: ([x = []], { axis, repeats }) => {
    const at = axisFromFront(axis, x.length)
    return wrongAxis([axis], x) ?? replaceAxis(x, at, size.mul(x[at]!, repeats))
  },
  sample: (draw, { axis }) => [Array.from({ length: draw.int(axis < 0 ? -axis : axis + 1, 3) }, draw.size)],
}
/** Every element along the axis `repeats` times in a row (a a b b). */
export const repeatInterleave: (axis: number, repeats: Dim) => <S extends Shape>(x: Tensor<S>) => Tensor<Shape> = op(
  'repeatInterleave',
  {
    args: (axis: number, repeats: Dim): Repeats => ({ axis, repeats }),
    kinds: 'a -> a',
    rule: repeatRule,
    meaning:
      ({ axis, repeats }: Repeats) =>
      x => {
        const at = axisFromFront(axis, x.shape.length)
        const left = (x.shape as Shape).map((_, k) => `a${k}`)
        const right = left.map((a, k) => (k === at ? `(${a} r)` : a))
        return loosely(rearrange)(`${left.join(' ')} -> ${right.join(' ')}`, { r: repeats })(x)
      },
    flops: () => 0,
    sampleAttrs: draw => ({ axis: draw.pick([0, -1]), repeats: draw.int(1, 3) }),
  },
)
