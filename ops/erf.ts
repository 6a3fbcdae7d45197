import { op, pointwise, wgsl, type WgslHelper } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'
import { exp } from './exp.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { pow } from './pow.ts'
import { scale } from './scale.ts'

// 2/sqrt(pi) e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!: all terms have one sign, so that nothing cancels (Abramowitz & Stegun 7.1.6)
const erfOf = (x: number): number => {
  if (Math.abs(x) > 6) return Math.sign(x)
  let term = x
  let total = x
  for (let n = 1; Math.abs(term) > Math.abs(total) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    total += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total
}
// the rational approximation that Eigen and XLA use for float32: x P(x²) / Q(x²) within ±4, to a few units in the last place
const numerator = [
  -2.72614225801306e-10, 2.77068142495902e-8, -2.10102402082508e-6, -5.69250639462346e-5, -7.34990630326855e-4,
  -2.9545998085402e-3, -1.60960333262415e-2,
]
const denominator = [
  -1.45660718464996e-5, -2.13374055278905e-4, -1.68282697438203e-3, -7.37332916720468e-3, -1.42647390514189e-2,
]
const erfHelper: WgslHelper = {
  helper: 'erf',
  code: (T, name) => {
    const polynomial = (coefficients: readonly number[]): string =>
      coefficients.slice(1).reduce((sum, c) => `fma(${sum}, s, ${T}(${c}))`, `${T}(${coefficients[0]})`)
    return `fn ${name}(z: ${T}) -> ${T} {
  let x = clamp(z, ${T}(-4.0), ${T}(4.0));
  let s = x * x;
  let p = ${polynomial(numerator)};
  let q = ${polynomial(denominator)};
  return x * p / q;
}`
  },
}

/** The error function, 2/sqrt(pi) times the integral of exp(-t²) from 0 to x. */
export const erf: Same = op('erf', {
  rule: '...s -> ...s',
  ...pointwise(
    x => erfOf(x!),
    x => wgsl`${erfHelper}(${x!})`,
  ),
  gradient: (dy, { inputs: [x] }) => {
    const bell = exp(neg(pow(2)(x!)))
    return [mul(dy, scale(2 / Math.sqrt(Math.PI))(bell))]
  },
  laws: { 'is odd': (f, x) => [f(neg(x)), neg(f(x))] },
})
