import {
  eachIndex,
  op,
  positionOf,
  size,
  stridesOf,
  type Index,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { axisRule, type AxisAttrs } from './along-axis.ts'
import { axisFromFront, replaceAxis } from './axes.ts'
import { orderInWgsl, rising, threadsFor } from './order.ts'
import { takeAlong } from './take-along.ts'

interface Attrs extends AxisAttrs {
  readonly descending: boolean
}

/** The indices that sort along an axis. Stable, also when descending; NaN is the largest, -0 equals 0. */
export const argsort: (axis: number, descending?: boolean) => <S extends Shape>(x: Tensor<S>) => Index<S> = op(
  'argsort',
  {
    args: (axis: number, descending = false): Attrs => ({ axis, descending }),
    kinds: 'float -> index',
    rule: axisRule as Rule<Attrs>,
    reference: ([x], { attrs, shape }) => {
      const axis = axisFromFront(attrs.axis, shape.length)
      const strides = stridesOf(shape)
      const out = new Float64Array(x!.data.length)
      eachIndex(replaceAxis(shape, axis, 1) as number[], row => {
        const first = positionOf(row, strides)
        const place = (i: number): number => first + i * strides[axis]!
        const number = (i: number): number => x!.data[place(i)]!
        const order = Array.from({ length: shape[axis]! }, (_, i) => i)
        order.sort((i, j) => (attrs.descending ? rising(number(j), number(i)) : rising(number(i), number(j))) || i - j)
        order.forEach((from, i) => (out[place(i)] = from))
      })
      return out
    },
    form: ({ attrs, shape }) => {
      const axis = axisFromFront(attrs.axis, shape.length)
      const rows = size.prod(replaceAxis(shape, axis, 1))
      return {
        form: 'kernel',
        text: ({ maxInvocations }, write) => ({
          code: bitonic({
            threads: threadsFor(shape[axis]!, maxInvocations),
            length: write(shape[axis]!),
            inner: write(size.prod(shape.slice(axis + 1))),
            rows: write(rows),
            largest: attrs.descending,
          }),
          grid: [rows, 1, 1],
        }),
      }
    },
    flops: (_, shape) => size.prod(shape),
    sampleAttrs: draw => ({ axis: draw.pick([-1, 0, 1]), descending: draw.pick([true, false]) }),
  },
)

/**
 * One workgroup per row sorts the indices in place by a bitonic network whose comparators all point the same way: then any length will do,
 * as if elements behind the last were there and never moved. Batcher, Sorting networks and their applications, 1968.
 */
const bitonic = (of: { threads: number; length: string; inner: string; rows: string; largest: boolean }): string => `
${orderInWgsl(of.largest)}
fn sortPair(i: i32, other: i32, length: i32, first: i32, inner: i32) {
  if (other <= i || other >= length) {
    return;
  }
  let a = y[first + i * inner];
  let b = y[first + other * inner];
  if (isBefore(keyAt(first + b * inner), b, keyAt(first + a * inner), a)) {
    y[first + i * inner] = b;
    y[first + other * inner] = a;
  }
}

@compute @workgroup_size(${of.threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = i32(group.y * 32768u + group.x);
  if (row >= ${of.rows}) {
    return;
  }
  let length = ${of.length};
  let inner = ${of.inner};
  let first = (row / inner) * length * inner + row % inner;
  for (var i = i32(thread); i < length; i += ${of.threads}) {
    y[first + i * inner] = i;
  }
  storageBarrier();
  for (var run = 2; run < 2 * length; run *= 2) {
    for (var i = i32(thread); i < length; i += ${of.threads}) {
      sortPair(i, i ^ (run - 1), length, first, inner);
    }
    storageBarrier();
    for (var step = run / 4; step > 0; step /= 2) {
      for (var i = i32(thread); i < length; i += ${of.threads}) {
        sortPair(i, i ^ step, length, first, inner);
      }
      storageBarrier();
    }
  }
}
`

/** Numbers in order, and where they were. */
export interface Ordered<S extends Shape> {
  readonly values: Tensor<S>
  readonly indices: Index<S>
}
/** Sorted along an axis, and the indices that sort. Stable, also when descending; NaN is the largest, -0 equals 0. */
export const sort =
  (axis: number, descending = false) =>
  <S extends Shape>(x: Tensor<S>): Ordered<S> => {
    const indices = argsort(axis, descending)(x)
    return { values: takeAlong(axis)(x, indices) as unknown as Tensor<S>, indices }
  }
