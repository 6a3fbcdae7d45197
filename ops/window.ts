/** Sliding windows over the last two axes: how far they reach and how many fit. Imports no op: convolution and pooling share it. */
import { size, type Dim, type Refusal } from '../lib/index.ts'

export type Pair<T> = readonly [T, T]
/** One number for rows and columns, or one each. */
export type PerSide = number | Pair<number>
/** The number for rows, and for columns, of a PerSide. */
export type Rows<K> = K extends readonly [infer R extends number, number] ? R : K extends number ? K : number
export type Columns<K> = K extends readonly [number, infer C extends number] ? C : K extends number ? K : number
export const perSide = (n: PerSide): Pair<number> => (typeof n === 'number' ? [n, n] : n)

/** how far n taps or rows reach that stand `step` apart: (n - 1) step + 1 */
const reach = (n: Dim, step: number): Dim =>
  typeof n === 'number' ? (n - 1) * step + 1 : step === 1 ? n : size.add(size.mul(size.sub(n, 1), step), 1)

/** One of the last two axes, and the window along it. */
export interface Sliding {
  readonly axis: -2 | -1
  readonly length: Dim
  readonly window: Dim
  readonly stride: number
  /** new elements around, before and after together */
  readonly padding: number
  readonly dilation?: number
  readonly inputDilation?: number
}
/** How many windows there are along an axis, or why none. */
export const windowCount = (along: Sliding): Dim | Refusal => {
  const { axis, length, window, stride, padding, dilation = 1, inputDilation = 1 } = along
  const [long, wide] = [reach(length, inputDilation), reach(window, dilation)]
  if (typeof long === 'number' && typeof wide === 'number') {
    if (long > 0 && wide > 0 && long + padding >= wide) return Math.floor((long + padding - wide) / stride) + 1
    const taps = wide === window ? `${window}` : `${window} taps that reach over ${wide}`
    const room = long === length ? `${length}` : `${length}, pulled apart to ${long},`
    const why = `a window of ${taps} does not fit axis ${axis}, which is ${room}${padding === 0 ? '' : ` with padding ${padding}`}`
    return { why, inputs: [0], axis, sizes: [length, window] }
  }
  const room = padding + stride
  return size.floorDiv(size.sub(room >= 0 ? size.add(long, room) : size.sub(long, -room), wide), stride)
}
