import {
  convert,
  literal,
  op,
  size,
  sizeOf,
  tabulate,
  wgsl,
  showShape,
  type Dim,
  type Draw,
  type Expr,
  type Refusal,
  type Rule,
  type Shape,
  type Tensor,
  type WgslHelper,
} from '../lib/index.ts'

export interface RoiOptions {
  /** bins along rows and columns, together or each */
  readonly bins: number | readonly [number, number]
  /** map pixels per unit of the boxes */
  readonly scale?: number
  /** samples in a bin along an axis; one per map pixel, at least, where it is not positive */
  readonly samplingRatio?: number
  /** are pixels centred half a pixel in? Without it boxes are at least one map pixel long */
  readonly aligned?: boolean
}
/** RoI align of one axis: of rows from y1 and y2 of boxes x1 y1 x2 y2, of columns from x1 and x2. */
export interface RoiAxis {
  readonly side: 'rows' | 'columns'
  readonly bins: number
  readonly scale: number
  readonly samplingRatio: number
  readonly aligned: boolean
  /** length of the axis of the map */
  readonly length: Dim
  /** the mean over all bins, instead of every bin */
  readonly mean: boolean
}
const boxRule: Rule<RoiAxis> = {
  sentence: ({ bins, length, mean }) => `n 4 -> n ${mean ? '' : `${bins} `}${length}`,
  infer: ([boxes = []], { bins, length, mean }) => {
    if (boxes.length !== 2)
      return { why: `boxes are [N, 4], input 1 has ${boxes.length} axes`, inputs: [0], sizes: [2, boxes.length] }
    if (boxes[1] !== 4)
      return { why: `a box has 4 numbers, not ${boxes[1]}`, inputs: [0], axis: 1, sizes: [4, boxes[1]!] }
    return mean ? [boxes[0]!, length] : [boxes[0]!, bins, length]
  },
  sample: draw => [[draw.size(), 4]],
}

/** The options of both axes, complete; and the refusal of inputs that are not a map (or several, with an index each) and boxes. */
export interface RoiAttrs {
  readonly bins: readonly [number, number]
  readonly scale: number
  readonly samplingRatio: number
  readonly aligned: boolean
}
export const roiAttrs = ({ bins, scale = 1, samplingRatio = -1, aligned = false }: RoiOptions): RoiAttrs => ({
  bins: typeof bins === 'number' ? [bins, bins] : bins,
  scale,
  samplingRatio,
  aligned,
})
export const wrongRois = (shapes: readonly Shape[]): Refusal | undefined => {
  const [map = [], boxes = [], index] = shapes
  const rank = index === undefined ? 3 : 4
  if (map.length !== rank)
    return {
      why: `input 1 is ${showShape(map)}: with ${shapes.length} inputs it should have ${rank} axes, [${rank === 4 ? 'B, ' : ''}C, H, W]`,
      inputs: [0],
      axis: 0,
      sizes: [rank, map.length],
    }
  if (boxes.length !== 2 || boxes[1] !== 4)
    return {
      why: `boxes are [N, 4], input 2 is ${showShape(boxes)}`,
      inputs: [1],
      axis: 1,
      sizes: [4, boxes[1] ?? boxes.length],
    }
  if (index === undefined || (index.length === 1 && index[0] === boxes[0])) return undefined
  return {
    why: `axis 'n' is ${boxes[0]} in input 2 but input 3 is ${showShape(index)}: one index of a map for each box`,
    inputs: [1, 2],
    axis: 'n',
    sizes: [boxes[0]!, index[0] ?? index.length],
  }
}
export const sampleRois = (draw: Draw): number[][] => {
  const boxes = draw.size()
  const map = [draw.int(1, 3), draw.int(1, 8), draw.int(1, 8)]
  return draw.pick([true, false]) ? [map, [boxes, 4]] : [[1, ...map], [boxes, 4], [boxes]]
}
/** Boxes that lie on, across and outside a map; the index of the only map. */
export const roiDomain = (k: number): readonly [number, number] =>
  [
    [-2, 2],
    [-4, 24],
    [0, 0],
  ][k] as [number, number]

/** The samples of a box along an axis: where the first bin begins, how long a bin is, samples in a bin. */
const samplesOf = (attrs: RoiAxis, low: number, high: number): { start: number; bin: number; count: number } => {
  const offset = attrs.aligned ? 0.5 : 0
  const start = low * attrs.scale - offset
  const length = high * attrs.scale - offset - start
  const bin = (attrs.aligned ? length : Math.max(length, 1)) / attrs.bins
  return { start, bin, count: attrs.samplingRatio > 0 ? attrs.samplingRatio : Math.ceil(bin) }
}
/** what a sample at t takes of element `at` of an axis */
const tap = (t: number, at: number, length: number): number => {
  if (t < -1 || t > length) return 0
  const inside = Math.max(t, 0)
  if (Math.floor(inside) >= length - 1) return at === length - 1 ? 1 : 0
  return Math.max(0, 1 - Math.abs(inside - at))
}

// Mean over `count` samples from number `first` on, `step` apart, of what each takes of element `at`. Only samples within one element
// of `at` take anything, so only those are visited.
const meanTap: WgslHelper = {
  helper: 'roiTap',
  code: (T, name) => {
    const one = T === 'f32' ? name : `${name}Lane`
    const scalar = `fn ${one}(start: f32, step: f32, first: f32, count: f32, at: f32, length: f32) -> f32 {
  if (count <= 0.0) { return 0.0; }
  var low = first;
  var high = first + count - 1.0;
  if (step != 0.0) {
    let a = (at - 1.0 - start) / step - 0.5;
    let b = (at + 1.0 - start) / step - 0.5;
    low = max(low, floor(min(a, b)));
    high = min(high, ceil(max(a, b)));
  }
  var total = 0.0;
  for (var i = low; i <= high; i += 1.0) {
    let t = start + (i + 0.5) * step;
    if (t < -1.0 || t > length) { continue; }
    let inside = max(t, 0.0);
    if (floor(inside) >= length - 1.0) {
      total += select(0.0, 1.0, at == length - 1.0);
    } else {
      total += max(0.0, 1.0 - abs(inside - at));
    }
  }
  return total / count;
}`
    if (T === 'f32') return scalar
    const names = ['start', 'step', 'first', 'count', 'at', 'length']
    const lane = (k: string): string => `${one}(${names.map(n => `${n}.${k}`).join(', ')})`
    return `${scalar}
fn ${name}(${names.map(n => `${n}: vec4f`).join(', ')}) -> vec4f {
  return vec4f(${['x', 'y', 'z', 'w'].map(lane).join(', ')});
}`
  },
}

/**
 * What every bin of every box takes of every element of an axis: boxes [N, 4] -> [N, bins, length], or their mean over the bins [N,
 * length]. RoI align is separable: bin (p, q) of a map X is a_p^T X b_q, with a for rows and b for columns. Boxes have no gradient.
 */
export const roiWeights: (attrs: RoiAxis) => <N extends Dim>(boxes: Tensor<[N, 4]>) => Tensor<[N, ...Dim[]]> = op(
  'roiWeights',
  {
    args: (attrs: RoiAxis): RoiAxis => attrs,
    rule: boxRule,
    reference: ([boxes], { attrs, size: number }) => {
      const { bins, mean } = attrs
      const length = number(attrs.length)
      const first = attrs.side === 'rows' ? 1 : 0
      const each = boxes!.shape[0]!
      const samples = Array.from({ length: each }, (_, n) =>
        samplesOf(attrs, boxes!.data[4 * n + first]!, boxes!.data[4 * n + first + 2]!),
      )
      const bin = (n: number, p: number, at: number): number => {
        const { start, bin, count } = samples[n]!
        let total = 0
        for (let i = 0; i < count; i++) total += tap(start + p * bin + ((i + 0.5) * bin) / count, at, length)
        return total / Math.max(count, 1)
      }
      if (!mean) return tabulate([each, bins, length], ([n, p, at]) => bin(n!, p!, at!))
      return tabulate([each, length], ([n, at]) => {
        let total = 0
        for (let p = 0; p < bins; p++) total += bin(n!, p, at!)
        return total / bins
      })
    },
    form: ({ attrs }) => ({
      form: 'each',
      value: (load, index) => {
        const { bins, scale, samplingRatio, aligned, mean } = attrs
        const [n, at] = [index[0]!, index.at(-1)!]
        const first = attrs.side === 'rows' ? 1 : 0
        const corner = (k: number): Expr => {
          const scaled = wgsl`(${load(0, [n, literal(k, 'index')])} * ${scale})`
          return aligned ? wgsl`(${scaled} - ${0.5})` : scaled
        }
        const [start, end] = [corner(first), corner(first + 2)]
        const length = aligned ? wgsl`(${end} - ${start})` : wgsl`max(${end} - ${start}, ${1})`
        const bin = wgsl`(${length} / ${bins})`
        const count: Expr | number = samplingRatio > 0 ? samplingRatio : wgsl`ceil(${bin})`
        const step = wgsl`(${bin} / ${count})`
        const from = mean ? literal(0) : wgsl`(${convert(index[1]!, 'index', 'float')} * ${count})`
        const samples = mean ? wgsl`(${count} * ${bins})` : count
        return wgsl`${meanTap}(${start}, ${step}, ${from}, ${samples}, ${convert(at, 'index', 'float')}, ${convert(sizeOf(attrs.length), 'index', 'float')})`
      },
    }),
    gradient: () => [undefined],
    flops: (_, shape, { bins }) => size.mul(size.prod(shape), 4 * bins),
    domain: () => [-4, 24],
    sampleAttrs: (draw: Draw): RoiAxis => ({
      side: draw.pick(['rows', 'columns']),
      bins: draw.int(1, 4),
      scale: draw.pick([1, 0.25]),
      samplingRatio: draw.pick([-1, 2]),
      aligned: draw.pick([false, true]),
      length: draw.int(1, 9),
      mean: draw.pick([false, true]),
    }),
  },
)
