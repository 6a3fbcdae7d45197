import { literal, op, pointwiseWith, wgsl, type Expr } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { mul } from './mul.ts'
import { scale } from './scale.ts'

interface Attrs {
  readonly exponent: number
}
// WGSL's pow is undefined for negative numbers and exact for none: small whole powers are products
const power = (x: Expr, n: number): Expr => {
  if (n < 0) return wgsl`(${1} / ${power(x, -n)})`
  if (n === 0) return literal(1)
  if (n === 1) return x
  if (n === 0.5) return wgsl`sqrt(${x})`
  if (Number.isInteger(n) && n <= 16) {
    const half = power(x, Math.floor(n / 2))
    return n % 2 === 0 ? wgsl`(${half} * ${half})` : wgsl`(${half} * ${half} * ${x})`
  }
  if (!Number.isInteger(n)) return wgsl`pow(${x}, ${n})`
  return n % 2 === 0 ? wgsl`pow(abs(${x}), ${n})` : wgsl`(sign(${x}) * pow(abs(${x}), ${n}))`
}

/** x to a constant power; x > 0 unless the exponent is a whole number. */
export const pow: (exponent: number) => Same = op('pow', {
  args: (exponent: number): Attrs => ({ exponent }),
  rule: '...s -> ...s',
  ...pointwiseWith<Attrs>(
    ({ exponent }) =>
      x =>
        x! ** exponent,
    ({ exponent }) =>
      x =>
        power(x!, exponent),
  ),
  gradient: (dy, { inputs: [x], attrs: { exponent } }) =>
    exponent === 0 ? [undefined] : [mul(dy, scale(exponent)(pow(exponent - 1)(x!)))],
  domain: () => [0.25, 2],
  sampleAttrs: draw => ({ exponent: draw.pick([2, 3, -1, 0.5, -0.5, 1.7, 0, 17]) }),
})
