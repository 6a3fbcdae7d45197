/** The rules of training goldens: how far a number, a tensor, or all tensors of a file together may be off. */
import type { Numbers } from '../../judge.ts'

const short = (x: number): string => x.toPrecision(3)

/** Numbers one by one: |got - wanted| <= rtol · |wanted| + atol. */
export const wrongNumbers = (
  what: string,
  got: readonly (number | undefined)[],
  wanted: readonly number[],
  { rtol = 0, atol = 0 }: { readonly rtol?: number; readonly atol?: number },
): string | undefined => {
  if (got.length !== wanted.length) return `${what}: ${got.length} numbers, should be ${wanted.length}`
  for (const [k, want] of wanted.entries()) {
    const allowed = rtol * Math.abs(want) + atol
    const one = got[k] ?? Number.NaN
    const off = Math.abs(one - want)
    if (!(off <= allowed))
      return `${what} ${k} is ${one}, should be ${want}, off by ${short(off)} where ${short(allowed)} is allowed`
  }
  return undefined
}

const normOf = (f: (i: number) => number, count: number): number => {
  let squares = 0
  for (let i = 0; i < count; i++) squares += f(i) ** 2
  return Math.sqrt(squares)
}
export interface Compared {
  readonly name: string
  readonly got: Numbers | undefined
  readonly wanted: Numbers
}
const missing = ({ got, wanted, name }: Compared): string | undefined =>
  got !== undefined && got.shape.join() === wanted.shape.join()
    ? undefined
    : `${name} is [${got?.shape.join(', ') ?? 'absent'}], should be [${wanted.shape.join(', ')}]`

/** ‖got - wanted‖ <= share · max(‖wanted‖, largest / 1000), the largest of all that are compared. */
export const wrongGradients = (all: readonly Compared[], share = 2e-4): string | undefined => {
  const sizes = all.map(({ wanted }) => normOf(i => wanted.data[i]!, wanted.data.length))
  const floor = Math.max(...sizes) / 1000
  for (const [k, one] of all.entries()) {
    const absent = missing(one)
    if (absent !== undefined) return absent
    const off = normOf(i => one.got!.data[i]! - one.wanted.data[i]!, one.wanted.data.length)
    const allowed = share * Math.max(sizes[k]!, floor)
    if (!(off <= allowed)) return `${one.name}: off by ${short(off)} where ${short(allowed)} is allowed`
  }
  return undefined
}
/** ‖got - wanted‖ <= share · ‖wanted‖. */
export const wrongTensor = (one: Compared, share: number): string | undefined => {
  const absent = missing(one)
  if (absent !== undefined) return absent
  const off = normOf(i => one.got!.data[i]! - one.wanted.data[i]!, one.wanted.data.length)
  const allowed = share * normOf(i => one.wanted.data[i]!, one.wanted.data.length)
  return off <= allowed ? undefined : `${one.name}: off by ${short(off)} where ${short(allowed)} is allowed`
}

/**
 * Parameters after several steps: each ‖got - wanted‖ <= 0.03 ‖wanted - start‖ + 2e-7 ‖wanted‖, all together with 3e-3 in the place
 * of 0.03.
 */
export const wrongParameters = (
  all: readonly (Compared & { readonly start: ArrayLike<number> })[],
): string | undefined => {
  const total = { off: 0, moved: 0, size: 0 }
  for (const one of all) {
    const { name, got, wanted, start } = one
    const absent = missing(one)
    if (absent !== undefined) return absent
    const count = wanted.data.length
    const off = normOf(i => got!.data[i]! - wanted.data[i]!, count)
    const moved = normOf(i => wanted.data[i]! - start[i]!, count)
    const size = normOf(i => wanted.data[i]!, count)
    const allowed = 0.03 * moved + 2e-7 * size
    if (!(off <= allowed)) return `${name}: off by ${short(off)} where ${short(allowed)} is allowed`
    total.off += off ** 2
    total.moved += moved ** 2
    total.size += size ** 2
  }
  const allowed = 3e-3 * Math.sqrt(total.moved) + 2e-7 * Math.sqrt(total.size)
  const off = Math.sqrt(total.off)
  return off <= allowed ? undefined : `all parameters: off by ${short(off)} where ${short(allowed)} is allowed`
}
