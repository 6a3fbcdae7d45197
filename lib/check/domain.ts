/**
 * Where an op is not defined, its reference gives NaN or an infinity, and a comparison with that says nothing about a gradient or a
 * kernel. The record says in `domain` between which numbers its inputs are drawn.
 */
import type { Value } from '../graph/index.ts'

/** What to say of values that are not all numbers. */
export const outsideDomain = ({ data }: Value): string | undefined => {
  const bad = Array.from(data).find(x => !Number.isFinite(x))
  const what = Number.isNaN(bad) ? 'NaN' : 'infinite'
  return bad === undefined ? undefined : `the reference is ${what} at drawn values: give the record a \`domain\``
}
