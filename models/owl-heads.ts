/**
 * The heads of OWLv2 (Minderer et al., Scaling open-vocabulary object detection, 2023): for every patch of a picture how like each query
 * it is, a box, and whether there is an object at all. Source: huggingface/transformers, models/owlv2/modeling_owlv2.py. Parameters as
 * under `class_head`, and under `box_head` and `objectness_head`, there.
 */
import { constant, flow, loosely, pipe, table, type AnyTensor, type Dim, type Loose } from '../lib/index.ts'
import {
  add,
  einsum,
  elu,
  equal,
  gelu,
  l2Normalize,
  mul,
  rearrange,
  shift,
  sigmoid,
  toFloat,
  where,
} from '../ops/index.ts'
import { linear } from '../ops/layers/index.ts'

/** What a hidden score is: the lowest F32 number. */
const lowest = -3.4028234663852886e38
const normalised = l2Normalize({ eps: 1e-6, epsRule: 'add' })
const plus = (a: AnyTensor, b: AnyTensor): Loose => add(a as Loose, b as Loose) as Loose
const times = (a: AnyTensor, b: AnyTensor): Loose => mul(a as Loose, b as Loose) as Loose

export interface Scored {
  /** [..., patches, queries] */
  readonly scores: Loose
  /** what queries are compared with, of length 1: [..., patches, text width] */
  readonly embeddings: Loose
}
/**
 * How like queries [..., Q, text width] the patches [..., P, width] are: (cosine + shift) · scale, both from the patch. Where the mask
 * [..., Q] is 0, there is no query: its score is the lowest number, and it learns nothing.
 */
export const owlClassHead =
  () =>
  (patches: Loose, queries: Loose, mask?: AnyTensor): Scored => {
    const embeddings = normalised(linear('dense0', queries.shape.at(-1)!)(patches)) as Loose
    const cosines = loosely(einsum)('...s p d, ...s q d -> ...s p q')(embeddings, normalised(queries))
    const shifted = plus(cosines, linear('logit_shift', 1)(patches))
    const scores = times(shifted, shift(1)(elu(1)(linear('logit_scale', 1)(patches) as Loose)))
    if (mask === undefined) return { scores, embeddings }
    const none = equal(loosely(rearrange)('...s q -> ...s 1 q')(toFloat(mask as Loose)), constant(0) as Loose)
    return { scores: where(none as never, constant(lowest) as never, scores as never) as Loose, embeddings }
  }

/** Three layers with GELU between: [..., P, width] -> [..., P, out]. */
const threeLayers = (out: Dim) => (patches: Loose) => {
  const width = patches.shape.at(-1)!
  return pipe(patches, linear('dense0', width), gelu, linear('dense1', width), gelu, linear('dense2', out)) as Loose
}

const logit = (share: number): number => Math.log(share + 1e-4) - Math.log1p(-share + 1e-4)
/** Where a patch would put its box if it had learned nothing: its own place, and its own size. */
const placeOf = (rows: number, columns: number): Loose => {
  const places = Array.from({ length: rows * columns }, (_, p) => {
    const [row, column] = [Math.floor(p / columns), p % columns]
    return [(column + 1) / columns, (row + 1) / rows, 1 / columns, 1 / rows].map(logit)
  })
  return table(places.flat(), [rows * columns, 4]) as Loose
}
/** Boxes [..., P, 4] as centre, width and height, shares of the picture, of the patches of a grid. */
export const owlBoxHead = (grid: readonly [rows: number, columns: number]) =>
  flow(threeLayers(4), raw => sigmoid(plus(raw, placeOf(...grid))) as Loose)
/** Is there an object? [..., P]. */
export const owlObjectnessHead = () => flow(threeLayers(1), loosely(rearrange)('...s p 1 -> ...s p'))
