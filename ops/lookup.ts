import { op, signatureRule, type Dim, type Index, type Shape, type Tensor } from '../lib/index.ts'
import { take, takeRule, alongAxis, type Take } from './take.ts'

/** Rows of a table, by index: [V, D], indices [..] -> [.., D]. The heart of an embedding. */
export const lookup: <V extends Dim, D extends Dim, S extends Shape>(
  table: Tensor<[V, D]>,
  index: Index<S>,
) => Tensor<[...S, D]> = op('lookup', {
  kinds: 'a, index -> a',
  rule: {
    ...signatureRule<undefined>('v d, ...s -> ...s d'),
    sample: draw => [[Math.max(1, draw.size()), draw.size()], Array.from({ length: draw.int(0, 2) }, draw.size)],
  },
  meaning: (table, index) => take(0)(table!, index as never),
  flops: () => 0,
  domain: (k, { shapes }) => (k === 1 ? [0, shapes[0]![0]! - 1] : [-2, 2]),
})

interface Attrs {
  readonly axis: number
}
/** The slices of x named by indices [N], in their order, along an axis: take, of indices of one axis. */
export const indexSelect: Take = op('indexSelect', {
  args: (axis: number): Attrs => ({ axis }),
  kinds: 'a, index -> a',
  rule: {
    ...takeRule,
    infer: (shapes, attrs) => {
      const rank = shapes[1]?.length ?? 0
      if (rank === 1) return takeRule.infer(shapes, attrs)
      return { why: `input 2 has rank ${rank}, should have 1 axis`, inputs: [1], axis: 1, sizes: [rank, 1] }
    },
    sample: (draw, attrs) => [takeRule.sample(draw, attrs)[0]!, [draw.size()]],
  },
  meaning:
    ({ axis }: Attrs) =>
    (x, index) =>
      take(axis as number)(x!, index as never),
  flops: () => 0,
  domain: alongAxis,
  sampleAttrs: draw => ({ axis: draw.pick([0, -1, 1]) }),
})
