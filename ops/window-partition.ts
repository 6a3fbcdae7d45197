import {
  applySignature,
  loosely,
  op,
  size,
  type Dim,
  type Div,
  type Divisible,
  type Mul,
  type Prod,
  type Rule,
  type Shape,
  type Tensor,
} from '../lib/index.ts'
import { arranged } from './arranged.ts'
import { rearrange } from './rearrange.ts'

interface Attrs {
  readonly window: number
}
/** [B, H, W, C] -> [B (H/w) (W/w), w, w, C]; windows row-major within an image. Liu et al., Swin Transformer, 2021. */
export const windowPartition: <const N extends number>(
  window: N,
) => <B extends Dim, H extends Dim, W extends Dim, C extends Dim>(
  x: Tensor<[B, Divisible<H, N>, Divisible<W, N>, C]>,
) => Tensor<[Prod<[B, Div<H, N>, Div<W, N>]>, N, N, C]> = op('windowPartition', {
  args: (window: number): Attrs => ({ window }),
  source: 'https://arxiv.org/abs/2103.14030',
  ...arranged<Attrs>('b (h p) (w q) c -> (b h w) p q c', ({ window }) => ({ p: window, q: window })),
  sampleAttrs: draw => ({ window: draw.int(1, 4) }),
})

interface Map {
  readonly height: Dim
  readonly width: Dim
}
const unpartition = '(b h w) p q c -> b (h p) (w q) c'
const windows = ({ height, width }: Map, [, p = 1, q = 1]: Shape): { readonly h: Dim; readonly w: Dim } => ({
  h: size.div(height, p),
  w: size.div(width, q),
})
const rule: Rule<Map> = {
  sentence: ({ height, width }) => `${unpartition}, a map of ${height} x ${width}`,
  infer: ([x = []], map) => {
    const { h, w } = windows(map, x)
    const refuse = (axis: number, length: Dim): { why: string; inputs: number[]; axis: number; sizes: Dim[] } => ({
      why: `${length} is not divisible by ${x[axis]}`,
      inputs: [0],
      axis,
      sizes: [length, x[axis]!],
    })
    if (x.length === 4 && size.isError(h)) return refuse(1, map.height)
    if (x.length === 4 && size.isError(w)) return refuse(2, map.width)
    return applySignature(unpartition, { h, w }, [x])
  },
  sample: (draw, { height, width }) => {
    const divisors = (n: number): number[] => Array.from({ length: n }, (_, k) => k + 1).filter(d => n % d === 0)
    const [p, q] = [draw.pick(divisors(Number(height))), draw.pick(divisors(Number(width)))]
    return [[draw.size() * (Number(height) / p) * (Number(width) / q), p, q, draw.size()]]
  },
}
/** [B (H/p) (W/q), p, q, C] -> [B, H, W, C]: the inverse of windowPartition; height and width are those of the map. */
export const windowUnpartition: <const H extends Dim, const W extends Dim>(
  height: H,
  width: W,
) => <N extends Dim, P extends Dim, Q extends Dim, C extends Dim>(
  x: Tensor<[N, P, Q, C]>,
) => Tensor<[Div<N, Mul<Div<H, P>, Div<W, Q>>>, H, W, C]> = op('windowUnpartition', {
  args: (height: Dim, width: Dim): Map => ({ height, width }),
  kinds: 'a -> a',
  source: 'https://arxiv.org/abs/2103.14030',
  rule,
  meaning: (map: Map) => x => loosely(rearrange)(unpartition, windows(map, x.shape))(x),
  flops: () => 0,
  sampleAttrs: draw => ({ height: draw.pick([4, 6]), width: draw.pick([3, 6]) }),
})
