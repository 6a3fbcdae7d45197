/** What a size is taken for when work is estimated before named sizes are known. */
import { size, type Dim } from '../shape/index.ts'

const usual = 256
/** The number of a size, with 256 for every name; infinite where that breaks an obligation of the size. */
export const aboutSize = (d: Dim): number => {
  if (typeof d === 'number') return d
  const names = new Set(d.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? [])
  try {
    return size.evalDim(d, Object.fromEntries([...names].map(n => [n, usual])))
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
