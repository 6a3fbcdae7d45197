import {
  loosely,
  op,
  readSignature,
  signatureRule,
  type AnyTensor,
  type Loose,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { einsum } from './einsum.ts'
import { reduce } from './reduce.ts'

interface Attrs {
  /** a signature: 'b i j, b j k -> b i k' */
  readonly pattern: string
}
/** 'bij,bjk->bik' and '...ij,...jk->...ik' as signatures, one name per letter; signatures stay as they are. */
const spaced = (equation: string): string => {
  const letters = equation.replaceAll(/\s+/g, '')
  if (!/^(?:[a-zA-Z]|\.\.\.|,)*->(?:[a-zA-Z]|\.\.\.)*$/.test(letters) || letters.length < equation.trim().length)
    return equation
  return letters
    .replaceAll('...', '…')
    .replaceAll(/[a-zA-Z…]/g, ' $& ')
    .replaceAll('…', '...s')
    .replaceAll(/ +/g, ' ')
    .replaceAll(' ,', ',')
    .trim()
}
const names = signatureRule<Attrs>(a => a.pattern)
const rule: Rule<Attrs> = {
  ...names,
  infer: (shapes, attrs) => {
    const twice = readSignature(attrs.pattern)
      .inputs.flatMap((axes, k) => axes.map((n, j) => ({ n, k, again: axes.indexOf(n) !== j })))
      .find(({ again }) => again)
    if (twice === undefined) return names.infer(shapes, attrs)
    return {
      why: `'${String(twice.n)}' stands twice in input ${twice.k + 1}`,
      inputs: [twice.k],
      axis: String(twice.n),
    }
  },
}
const axesOf = (side: string): string[] => side.split(' ').filter(n => n !== '')

/**
 * Einstein summation over any number of tensors: contraction('chw,nh,nw->nc')(map, rows, columns). One letter is one axis; a signature
 * with spaces ('b i j, b j k -> b i k') has longer names. Products are taken from left to right, and an axis is summed as soon as no
 * later input needs it; for two inputs with a type known to tsc use `einsum`.
 */
export const contraction: (equation: string) => (...xs: readonly AnyTensor[]) => Tensor<Shape> = op('contraction', {
  args: (equation: string): Attrs => ({ pattern: spaced(equation) }),
  kinds: 'float -> float',
  rule,
  meaning:
    ({ pattern }) =>
    (...xs) => {
      const [left, right] = pattern.split('->') as [string, string]
      const output = axesOf(right)
      const sides = left.split(',').map(axesOf)
      const later = (k: number): string[] => [...sides.slice(k).flat(), ...output]
      const others = (k: number): string[] => [...sides.filter((_, j) => j !== k).flat(), ...output]
      // what only one input has and the output has not is summed before any product
      const parts = xs.map((x, k) => {
        const kept = sides[k]!.filter(n => others(k).includes(n))
        return { kept, x: kept.length === sides[k]!.length ? x : fold(sides[k]!, kept, x) }
      })
      const product = parts.slice(1).reduce((a, b, k) => {
        const wanted = later(k + 2)
        const kept =
          k + 2 === parts.length ? output : [...new Set([...a.kept, ...b.kept])].filter(n => wanted.includes(n))
        const equation = `${a.kept.join(' ')}, ${b.kept.join(' ')} -> ${kept.join(' ')}`
        return { kept, x: loosely(einsum)(equation)(a.x, b.x) }
      }, parts[0]!)
      return product.kept.join(' ') === output.join(' ') ? product.x : fold(product.kept, output, product.x)
    },
  sampleAttrs: draw => ({
    pattern: draw.pick([
      'b i j, b j k -> b i k',
      'c h w, n h, n w -> n c',
      'i j -> j i',
      'i j k -> ',
      '...s i, i -> ...s',
    ]),
  }),
})
const fold = (from: readonly string[], to: readonly string[], x: Loose): Loose =>
  loosely(reduce)('sum', `${from.join(' ')} -> ${to.join(' ')}`)(x)
