/**
 * The order that sorting and top-k share: rising, NaN the largest, -0 equal to 0, and of equal numbers the lower index first. In WGSL
 * numbers are compared as whole numbers that order like them.
 */

import type { Dim } from '../lib/index.ts'

/** Threads for a row, a power of two: no more than it has elements, where their number is known. Short rows are often many. */
export const threadsFor = (length: Dim, maxInvocations: number): number => {
  const most = Math.min(256, maxInvocations)
  return typeof length === 'number' ? Math.min(most, 2 ** Math.ceil(Math.log2(Math.max(1, length)))) : most
}

/** Which of two numbers comes first in rising order. */
export const rising = (a: number, b: number): number =>
  Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(a)) - Number(Number.isNaN(b)) : a < b ? -1 : a > b ? 1 : 0

/** WGSL: the key of element i of x0, larger for what comes first; and whether one element comes before another. */
export const orderInWgsl = (largestFirst: boolean): string => `
fn keyAt(i: i32) -> u32 {
  let bits = bitcast<u32>(x0[i]);
  let magnitude = bits & 0x7fffffffu;
  let above = select(~bits, bits | 0x80000000u, (bits >> 31u) == 0u || magnitude == 0u);
  let key = select(above, 0xffffffffu, magnitude > 0x7f800000u);
  return ${largestFirst ? 'key' : '~key'};
}
fn isBefore(key: u32, at: i32, otherKey: u32, otherAt: i32) -> bool {
  return key > otherKey || (key == otherKey && at < otherAt);
}
`
