import {
  eachIndex,
  loosely,
  op,
  positionOf,
  size,
  stridesOf,
  type AnyTensor,
  type Dim,
  type Index,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import type { AxisAttrs } from './along-axis.ts'
import { argsort, type Ordered } from './argsort.ts'
import { axisFromFront, replaceAxis, wrongAxis } from './axes.ts'
import { orderInWgsl, rising, threadsFor } from './order.ts'
import { slice } from './slice.ts'
import { takeAlong } from './take-along.ts'

interface Attrs extends AxisAttrs {
  readonly k: Dim
  readonly largest: boolean
}
const rule: Rule<Attrs> = {
  sentence: ({ axis, k }) => `the ${k} best of axis ${axis}`,
  infer: ([x = []], { axis, k }) => {
    const none = wrongAxis([axis], x)
    if (none !== undefined) return none
    const at = axisFromFront(axis, x.length)
    if (!size.isError(size.sub(x[at]!, k))) return replaceAxis(x, at, k)
    return { why: `axis ${axis} is ${x[at]}, fewer than the ${k} wanted`, inputs: [0], axis, sizes: [x[at]!, k] }
  },
  sample: (draw, { axis, k }) => {
    const shape = Array.from({ length: draw.int(axis < 0 ? -axis : axis + 1, 3) }, draw.size)
    const at = axisFromFront(axis, shape.length)
    return [shape.map((d, a) => (a === at ? Number(k) + draw.int(0, 3) : d))]
  },
}
/**
 * Indices of the k largest (or smallest) along an axis, in order; of equal ones the lower index first. NaN is the largest, -0 equals 0.
 * [.., N, ..] -> [.., k, ..].
 */
export const topKIndices: (
  k: Dim,
  options?: { readonly axis?: number; readonly largest?: boolean },
) => <S extends Shape>(x: Tensor<S>) => Index<Shape> = op('topKIndices', {
  args: (k: Dim, { axis = -1, largest = true }: { axis?: number; largest?: boolean } = {}): Attrs => ({
    k,
    axis,
    largest,
  }),
  kinds: 'float -> index',
  rule,
  reference: ([x], { attrs, shape, shapes: [from] }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    const out = new Float64Array(shape.reduce((a, b) => a * b, 1))
    const [strides, outStrides] = [stridesOf(from!), stridesOf(shape)]
    eachIndex(replaceAxis(from!, axis, 1) as number[], row => {
      const first = positionOf(row, strides)
      const number = (i: number): number => x!.data[first + i * strides[axis]!]!
      const order = Array.from({ length: from![axis]! }, (_, i) => i)
      order.sort((i, j) => (attrs.largest ? rising(number(j), number(i)) : rising(number(i), number(j))) || i - j)
      const to = positionOf(row, outStrides)
      for (let i = 0; i < shape[axis]!; i++) out[to + i * outStrides[axis]!] = order[i]!
    })
    return out
  },
  form: ({ attrs, shape, shapes: [from] }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    const rows = size.prod(replaceAxis(from!, axis, 1))
    return {
      form: 'kernel',
      text: ({ maxInvocations }, write) => ({
        code: selection({
          threads: threadsFor(from![axis]!, maxInvocations),
          length: write(from![axis]!),
          count: write(shape[axis]!),
          inner: write(size.prod(from!.slice(axis + 1))),
          rows: write(rows),
          largest: attrs.largest,
        }),
        grid: [rows, 1, 1],
      }),
    }
  },
  flops: ([x], _, { k }) => size.mul(size.prod(x!), k),
  sampleAttrs: draw => ({ k: draw.int(0, 4), axis: draw.pick([-1, 0, 1]), largest: draw.pick([true, false]) }),
})

/**
 * One workgroup per row finds the best element again and again, each time among those after the last in the order. A lane knows the best of
 * its own elements, and looks for another when it was taken.
 */
const selection = (of: {
  threads: number
  length: string
  count: string
  inner: string
  rows: string
  largest: boolean
}): string => `
var<workgroup> bestKey: array<u32, ${of.threads}>;
var<workgroup> bestAt: array<i32, ${of.threads}>;

${orderInWgsl(of.largest)}
@compute @workgroup_size(${of.threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = i32(group.y * 32768u + group.x);
  if (row >= ${of.rows}) {
    return;
  }
  let length = ${of.length};
  let count = ${of.count};
  let inner = ${of.inner};
  let first = (row / inner) * length * inner + row % inner;
  let firstOut = (row / inner) * count * inner + row % inner;
  var lastKey = 0xffffffffu;
  var lastAt = -1;
  var key = 0u;
  var at = -1;
  for (var rank = 0; rank < count; rank++) {
    if (at == lastAt) {
      key = 0u;
      at = length;
      for (var i = i32(thread); i < length; i += ${of.threads}) {
        let k = keyAt(first + i * inner);
        if (isBefore(lastKey, lastAt, k, i) && isBefore(k, i, key, at)) {
          key = k;
          at = i;
        }
      }
    }
    bestKey[thread] = key;
    bestAt[thread] = at;
    workgroupBarrier();
    for (var half = ${Math.floor(of.threads / 2)}u; half > 0u; half /= 2u) {
      if (thread < half && isBefore(bestKey[thread + half], bestAt[thread + half], bestKey[thread], bestAt[thread])) {
        bestKey[thread] = bestKey[thread + half];
        bestAt[thread] = bestAt[thread + half];
      }
      workgroupBarrier();
    }
    lastKey = bestKey[0];
    lastAt = bestAt[0];
    if (thread == 0u) {
      y[firstOut + rank * inner] = lastAt;
    }
    workgroupBarrier();
  }
}
`

/** So few are selected one by one; more are cut from the sorted whole. */
const fewer = 128

/**
 * The k largest (or smallest) along an axis (the last), in order, and their indices; of equal ones the lower index first. NaN is the
 * largest, -0 equals 0.
 */
export const topK =
  (k: Dim, { axis = -1, largest = true }: { readonly axis?: number; readonly largest?: boolean } = {}) =>
  <S extends Shape>(x: Tensor<S>): Ordered<Shape> => {
    const few = typeof k === 'number' && k <= fewer
    const indices: AnyTensor = few
      ? topKIndices(k, { axis, largest })(x)
      : loosely(slice)({ axis, start: 0, stop: k })(argsort(axis, largest)(x))
    return { values: takeAlong(axis)(x, indices as Index<Shape>), indices: indices as Index<Shape> }
  }
