import { compare, literal, op, select, signatureRule, type Dim, type Index, type Tensor } from '../lib/index.ts'

/**
 * Rows of x [N, D] in other places: y[m] = x[from[m]], zeros where from[m] is -1, so [M, D]. `to` [N] says the same from the other side,
 * the place that each row went to, -1 for a row that is left out; a row goes to one place at most. So the gradient is another placing,
 * and nothing is added up. That both sides agree is the caller's to keep.
 */
export const placeRows: <N extends Dim, D extends Dim, M extends Dim>(
  x: Tensor<[N, D]>,
  from: Index<[M]>,
  to: Index<[N]>,
) => Tensor<[M, D]> = op('placeRows', {
  kinds: 'float, index, index -> float',
  rule: {
    ...signatureRule<undefined>('n d, m, n -> m d'),
    // what both sides say can only be drawn where there is one row
    sample: draw => [[1, draw.size()], [1], [1]],
  },
  reference: ([x, from], { shape: [rows, width] }) => {
    const y = new Float64Array(rows! * width!)
    for (let m = 0; m < rows!; m++) {
      const row = from!.data[m]!
      if (row >= 0) y.set(Array.from(x!.data.subarray(row * width!, (row + 1) * width!)), m * width!)
    }
    return y
  },
  form: () => ({
    form: 'each',
    value: (load, [row, column]) => {
      const from = load(1, [row!])
      return select(compare(from, '>=', literal(0, 'index')), load(0, [from, column!]), literal(0))
    },
  }),
  gradient: (dy, { inputs: [, from, to] }) => [placeRows(dy, to as never, from as never), undefined, undefined],
  flops: () => 0,
  domain: k => (k === 0 ? [-2, 2] : [0, 0]),
})
