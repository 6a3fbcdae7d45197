/**
 * Sine and cosine in WGSL to float32's precision. The built-in ones may be off by 2^-11 within ±π and by anything beyond, and
 * SwiftShader's are: rotary positions lose three digits. Source: Cephes, single/sinf.c (S. Moshier): what remains of x after
 * multiples of π/2, which are taken away in three parts so that nothing is rounded, and a polynomial for each of the two.
 */
import type { WgslHelper } from '../lib/index.ts'

const quarters = [1.5703125, 4.837512969970703e-4, 7.549789954891e-8]
const sineOf = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1]
const cosineOf = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2]

/** sin(x + turns π/2). */
const helper = (name: string, turns: number): WgslHelper => ({
  helper: name,
  code: (T, name) => {
    const polynomial = (coefficients: readonly number[]): string =>
      coefficients.slice(1).reduce((sum, c) => `(${sum} * s + ${T}(${c}))`, `${T}(${coefficients[0]})`)
    const [rough, fine, finest] = quarters
    return `fn ${name}(x: ${T}) -> ${T} {
  let q = round(x * ${T}(${2 / Math.PI}));
  let r = ((x - q * ${T}(${rough})) - q * ${T}(${fine})) - q * ${T}(${finest});
  let s = r * r;
  let sine = r + r * s * ${polynomial(sineOf)};
  let cosine = ${T}(1.0) - ${T}(0.5) * s + s * s * ${polynomial(cosineOf)};
  let k = q + ${T}(${turns}.0);
  let quadrant = k - ${T}(4.0) * floor(k * ${T}(0.25));
  let isOdd = abs(quadrant - ${T}(2.0)) == ${T}(1.0);
  let y = select(sine, cosine, isOdd);
  return select(y, -y, quadrant >= ${T}(2.0));
}`
  },
})
export const sine = helper('sine', 0)
export const cosine = helper('cosine', 1)
