import {
  applySignature,
  broadcasting,
  constant,
  constantIndex,
  isRefusal,
  loosely,
  op,
  size,
  type AnyTensor,
  type Dim,
  type Draw,
  type Index,
  type Loose,
  type Refusal,
  type Rule,
  type Shape,
  type Tensor,
  type Truth,
} from '../lib/index.ts'
import { add } from './add.ts'
import { hidden } from './attention-scores.ts'
import { fusedAttention } from './fused-attention.ts'
import { toFloat, toIndex, toTruth } from './cast.ts'
import { iota } from './iota.ts'
import { lessEqual } from './less-equal.ts'
import { scale } from './scale.ts'
import { softmax } from './softmax.ts'
import { where } from './where.ts'
import { einsum } from './einsum.ts'
import { rearrange } from './rearrange.ts'

export interface AttentionOptions {
  /** of the products of queries and keys; 1 / sqrt(D) unless said */
  readonly scale?: number
  /** query i sees the keys j <= i + offset */
  readonly causal?: boolean
  /** the position of the first query: a number, or 'given' as a last input, an index that may change from run to run */
  readonly offset?: number | 'given'
  /** is there an input after v that is added to the scaled products? It broadcasts to [..., H, M, N] */
  readonly bias?: boolean
  /** is there an input of truth values [..., N] that says which keys may be seen? */
  readonly keyMask?: boolean
}
type Attrs = Required<Omit<AttentionOptions, 'scale'>> & Pick<AttentionOptions, 'scale'>
/** the inputs after q, k and v, as the options say */
type More<O> = [
  ...(O extends { readonly bias: true } ? [bias: AnyTensor & { readonly kind: 'float' }] : []),
  ...(O extends { readonly keyMask: true } ? [keyMask: AnyTensor & { readonly kind: 'truth' }] : []),
  ...(O extends { readonly offset: 'given' } ? [offset: Index<[]>] : []),
]
type Attention = <const O extends AttentionOptions = {}>(
  options?: O,
) => <S extends Shape, H extends Dim, M extends Dim, D extends Dim, G extends Dim, N extends Dim, E extends Dim>(
  q: Tensor<[...S, H, M, D]>,
  k: Tensor<[...S, G, N, NoInfer<D>]>,
  v: Tensor<[...S, NoInfer<G>, NoInfer<N>, E]>,
  ...more: More<O>
) => Tensor<[...S, H, M, E]>

const signature = '...s h m d, ...s g n d, ...s g n e -> ...s h m e'
interface Extras<T> {
  readonly bias: T | undefined
  readonly keyMask: T | undefined
  readonly offset: T | undefined
}
const extras = <T>({ bias, keyMask, offset }: Attrs, more: readonly T[]): Extras<T> => {
  const left = [...more]
  const next = (wanted: boolean): T | undefined => (wanted ? left.shift() : undefined)
  return { bias: next(bias), keyMask: next(keyMask), offset: next(offset === 'given') }
}
/** where the inputs after q, k and v stand */
const positionsAfter = (inputs: readonly unknown[]): readonly number[] => inputs.map((_, k) => k).slice(3)
const wrongBias = (bias: Shape, scores: Shape): Refusal | undefined => {
  const met = broadcasting(2).infer([scores, bias], undefined)
  if (!isRefusal(met) && met.length === scores.length && met.every((d, k) => d === scores[k])) return undefined
  const at = bias.findIndex((d, k) => d !== 1 && d !== scores[scores.length - bias.length + k])
  const wanted = scores[scores.length - bias.length + at]
  return {
    why: `the bias does not broadcast to [..., heads, queries, keys]: an axis is ${bias[at]}, should be ${wanted ?? 'absent'}`,
    inputs: [0, 3],
    axis: at,
    sizes: [wanted ?? scores.length, wanted === undefined ? bias.length : bias[at]!],
  }
}
const rule: Rule<Attrs> = {
  sentence: () => signature,
  infer: (shapes, attrs) => {
    const [q, k, v, ...more] = shapes as [Shape, Shape, Shape, ...Shape[]]
    const wanted = 3 + Number(attrs.bias) + Number(attrs.keyMask) + Number(attrs.offset === 'given')
    if (shapes.length !== wanted)
      return { why: `takes ${wanted} inputs with these options, got ${shapes.length}`, sizes: [wanted, shapes.length] }
    const shape = applySignature(signature, {}, [q, k, v])
    if (isRefusal(shape)) return shape
    const [heads, groups, keys] = [q.at(-3)!, k.at(-3)!, k.at(-2)!]
    if (keys === 0) return { why: `axis 'n' is 0: every query must see a key`, inputs: [1], axis: 'n', sizes: [0] }
    const shared = size.div(heads, groups)
    if (heads !== groups && typeof shared === 'string')
      return {
        why: `${heads} heads of queries are not a multiple of ${groups} heads of keys`,
        inputs: [0, 1],
        axis: 'h',
        sizes: [heads, groups],
      }
    if (attrs.scale === undefined && typeof q.at(-1) === 'string')
      return { why: `axis 'd' is '${q.at(-1)}', known only when the model runs: give a scale`, inputs: [0], axis: 'd' }
    const { bias, keyMask, offset } = extras(attrs, more)
    const leading = q.slice(0, -3)
    const wrong = bias === undefined ? undefined : wrongBias(bias, [...leading, heads, q.at(-2)!, keys])
    if (wrong !== undefined) return wrong
    if (keyMask !== undefined) {
      const expected = [...leading, keys]
      const at = expected.findIndex((d, j) => d !== keyMask[j])
      if (at >= 0 || keyMask.length !== expected.length)
        return {
          why: `the mask of keys is [${keyMask.join(', ')}], should be [${expected.join(', ')}]`,
          inputs: [1, 3 + Number(attrs.bias)],
          axis: at,
          sizes: at >= 0 ? [expected[at]!, keyMask[at] ?? 0] : [expected.length, keyMask.length],
        }
    }
    if (offset !== undefined && offset.length > 0)
      return { why: `the offset is one index, not [${offset.join(', ')}]`, sizes: [0, offset.length] }
    return shape
  },
  sample: (draw, attrs) => {
    const leading = Array.from({ length: draw.int(0, 1) }, draw.size)
    const [groups, shared] = [draw.int(1, 2), draw.int(1, 2)]
    const [m, n, d, e] = [draw.size(), draw.size(), draw.int(1, 5), draw.int(1, 5)]
    const more: number[][] = []
    if (attrs.bias) more.push([draw.pick([1, groups * shared]), m, n])
    if (attrs.keyMask) more.push([...leading, n])
    if (attrs.offset === 'given') more.push([])
    return [[...leading, groups * shared, m, d], [...leading, groups, n, d], [...leading, groups, n, e], ...more]
  },
}

/** may query i see key j? [M, N] */
const causalMask = (queries: Dim, keys: Dim, offset: Index<[]>): Truth<Shape> => {
  const last = add(iota(queries), offset) as AnyTensor
  const column = loosely(rearrange)('m -> m 1')(last) as AnyTensor as Index<[Dim, 1]>
  return lessEqual(iota(keys), column as never) as AnyTensor as Truth<Shape>
}
const meaning =
  (attrs: Attrs) =>
  (q: Loose, k: Loose, v: Loose, ...more: Loose[]): AnyTensor => {
    const { bias, keyMask, offset } = extras(attrs, more)
    const [heads, queries, width] = (q.shape as Shape).slice(-3) as [Dim, Dim, Dim]
    const [groups, keys] = (k.shape as Shape).slice(-3) as [Dim, Dim]
    // heads of queries that share a head of keys stand beside each other: (g r)
    const grouped = heads !== groups
    const split = (x: Loose, tail: string): Loose =>
      grouped ? loosely(rearrange)(`...s (g r) ${tail} -> ...s g r ${tail}`, { g: groups })(x) : x
    const [head, shared] = grouped ? ['g r', 'g'] : ['g', 'g']
    const products = loosely(einsum)(`...s ${head} m d, ...s ${shared} n d -> ...s ${head} m n`)(split(q, 'm d'), k)
    const factor = attrs.scale ?? 1 / Math.sqrt(Number(width))
    const scaled = scale(factor)(products)
    const biased = bias === undefined ? scaled : add(scaled, alongHeads(toFloat(bias) as Loose))
    const masked = keyMask === undefined ? biased : where(keysOf(toTruth(keyMask)), biased, constant(hidden) as Loose)
    const first = offset === undefined ? constantIndex(Number(attrs.offset)) : toIndex(offset)
    const causal = attrs.causal
      ? where(causalMask(queries, keys, first as AnyTensor as Index<[]>) as never, masked, constant(hidden) as Loose)
      : masked
    const weighted = loosely(einsum)(`...s ${head} m n, ...s ${shared} n e -> ...s ${head} m e`)(softmax(causal), v)
    return grouped ? loosely(rearrange)('...s g r m e -> ...s (g r) m e')(weighted) : weighted

    function alongHeads(bias: Loose): Loose {
      const axes = bias.shape.length
      if (!grouped || axes < 3) return bias
      return bias.shape[axes - 3] === 1 ? loosely(rearrange)('...s 1 m n -> ...s 1 1 m n')(bias) : split(bias, 'm n')
    }
    function keysOf(mask: AnyTensor): Truth<Shape> {
      return loosely(rearrange)(`...s n -> ...s ${grouped ? '1 1 1' : '1 1'} n`)(mask) as AnyTensor as Truth<Shape>
    }
  }

/**
 * softmax(scale q k^T + bias) v: q [..., H, M, D], k [..., G, N, D], v [..., G, N, E] -> [..., H, M, E]. H is a multiple of G: head h of
 * the queries reads head floor(h G / H) of the keys (grouped-query attention). Inputs that the options announce follow v, in this
 * order: bias, keyMask, offset. Every query must see a key. Vaswani et al. 2017; Ainslie et al., GQA, 2023.
 */
export const attention: Attention = op('attention', {
  args: ({ causal = false, offset = 0, bias = false, keyMask = false, ...rest }: AttentionOptions = {}): Attrs => ({
    ...rest,
    causal,
    offset,
    bias,
    keyMask,
  }),
  kinds: 'float, float, float, a, b, c -> float',
  source: 'Vaswani et al., Attention Is All You Need, arXiv:1706.03762',
  rule,
  meaning,
  form: ({ attrs, inputs, shapes: [q, k, v] }) => {
    const { bias, keyMask, offset } = extras(attrs, positionsAfter(inputs))
    const { causal, scale = 1 / Math.sqrt(Number(q!.at(-1))) } = attrs
    // the kernel reads numbers as they are
    if (bias !== undefined && inputs[bias]!.kind !== 'float') return undefined
    if (keyMask !== undefined && inputs[keyMask]!.kind === 'float') return undefined
    if (offset !== undefined && inputs[offset]!.kind === 'float') return undefined
    return fusedAttention({
      q: q!,
      k: k!,
      v: v!,
      scale,
      causal,
      offset: offset === undefined ? Number(attrs.offset) : { input: offset },
      bias: bias === undefined ? undefined : { input: bias, shape: inputs[bias]!.shape },
      keyMask: keyMask === undefined ? undefined : { input: keyMask },
    })
  },
  flops: ([q, k, v]) => {
    const scores = size.mul(size.prod(q!.slice(0, -1)), k!.at(-2)!)
    return size.mul(2, size.mul(scores, size.add(q!.at(-1)!, v!.at(-1)!)))
  },
  laws: {
    'is linear in the values': (f, q, k, v, ...more) => [f(q, k, scale(2)(v), ...more), scale(2)(f(q, k, v, ...more))],
  },
  sampleAttrs: (draw: Draw): Attrs => ({
    causal: draw.pick([false, true]),
    offset: draw.pick([0, 2, 'given']),
    bias: draw.pick([false, true]),
    keyMask: draw.pick([false, true]),
  }),
})
