/**
 * The vision side of the baselines once more, in float64 and straight loops, from their papers' code: nothing here calls an op, so that a
 * misreading of an op and a misreading of a model do not hide each other. Tokens are lists of rows, maps are [channel][row][column].
 */
import type { Value } from '../../lib/index.ts'

export type Rows = number[][]
export type Planes = number[][][]
export type Parameters = ReadonlyMap<string, Value>

const times = <A>(n: number, f: (i: number) => A): A[] => Array.from({ length: n }, (_, i) => f(i))
const sumOf = (n: number, f: (i: number) => number): number => {
  let total = 0
  for (let i = 0; i < n; i++) total += f(i)
  return total
}
const found = (w: Parameters, name: string): Value => {
  const value = w.get(name)
  if (value === undefined) throw new Error(`no parameter ${name}`)
  return value
}
export const rowsOf = (w: Parameters, name: string): Rows => {
  const { shape, data } = found(w, name)
  const width = shape.at(-1)!
  return times(data.length / width, i => Array.from(data.slice(i * width, (i + 1) * width)))
}
const vector = (w: Parameters, name: string): number[] => Array.from(found(w, name).data)
export const planesOf = ({ shape, data }: Value, picture = 0): Planes => {
  const [c, h, v] = shape.slice(-3) as [number, number, number]
  return times(c, k =>
    times(h, y => Array.from(data.slice(((picture * c + k) * h + y) * v, ((picture * c + k) * h + y + 1) * v))),
  )
}

// ---- numbers -----------------------------------------------------------------------------------------------------------------
/** 2/√π e^(−x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, whose terms are all of one sign. */
const erf = (x: number): number => {
  if (Math.abs(x) > 6) return Math.sign(x)
  let [term, total] = [x, x]
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    total += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total
}
export const gelu = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2))
export const quickGelu = (x: number): number => x / (1 + Math.exp(-1.702 * x))
export const each = (f: (x: number) => number, x: Rows): Rows => x.map(row => row.map(f))
export const plus = (a: Rows, b: Rows): Rows => a.map((row, i) => row.map((x, j) => x + b[i]![j]!))

// ---- layers ------------------------------------------------------------------------------------------------------------------
export const linear = (w: Parameters, name: string, x: Rows): Rows => {
  const weight = rowsOf(w, `${name}.weight`)
  const bias = w.has(`${name}.bias`) ? vector(w, `${name}.bias`) : weight.map(() => 0)
  return x.map(row => weight.map((of, o) => bias[o]! + sumOf(of.length, i => of[i]! * row[i]!)))
}
export const layerNorm = (w: Parameters, name: string, x: Rows, eps: number): Rows => {
  const [scale, shift] = [vector(w, `${name}.weight`), vector(w, `${name}.bias`)]
  return x.map(row => {
    const mean = sumOf(row.length, i => row[i]!) / row.length
    const variance = sumOf(row.length, i => (row[i]! - mean) ** 2) / row.length
    return row.map((v, i) => ((v - mean) / Math.sqrt(variance + eps)) * scale[i]! + shift[i]!)
  })
}
/** Each query looks at all keys, with each head at its share of the channels. */
const attend = (q: Rows, k: Rows, v: Rows, heads: number): Rows => {
  const width = q[0]!.length / heads
  return q.map(query => {
    const out: number[] = []
    for (let head = 0; head < heads; head++) {
      const from = head * width
      const scores = k.map(key => sumOf(width, i => query[from + i]! * key[from + i]!) / Math.sqrt(width))
      const most = Math.max(...scores)
      const shares = scores.map(s => Math.exp(s - most))
      const total = sumOf(shares.length, j => shares[j]!)
      for (let i = 0; i < width; i++) out.push(sumOf(v.length, j => shares[j]! * v[j]![from + i]!) / total)
    }
    return out
  })
}
export const mlp2 = (w: Parameters, name: string, x: Rows): Rows =>
  linear(w, `${name}.model.2`, each(gelu, linear(w, `${name}.model.0`, x)))

/** Convolution with equal strides; `groups` is 1 or the number of channels. */
const conv = (w: Parameters, name: string, x: Planes, stride: number, padding: number, depthwise = false): Planes => {
  const { shape, data } = found(w, `${name}.weight`)
  const [out, per, size] = shape as [number, number, number]
  const bias = w.has(`${name}.bias`) ? vector(w, `${name}.bias`) : times(out, () => 0)
  const [height, width] = [x[0]!.length, x[0]![0]!.length].map(n => Math.floor((n + 2 * padding - size) / stride) + 1)
  return times(out, o =>
    times(height!, y =>
      times(width!, at => {
        let total = bias[o]!
        for (let c = 0; c < per; c++)
          for (let i = 0; i < size; i++)
            for (let j = 0; j < size; j++) {
              const pixel = x[depthwise ? o : c]![y * stride + i - padding]?.[at * stride + j - padding] ?? 0
              total += pixel * data[((o * per + c) * size + i) * size + j]!
            }
        return total
      }),
    ),
  )
}
export const tokensOf = (x: Planes): Rows => {
  const width = x[0]![0]!.length
  return times(x[0]!.length * width, n => x.map(plane => plane[Math.floor(n / width)]![n % width]!))
}
export const mapOf = (x: Rows, height: number): Planes => {
  const width = x.length / height
  return times(x[0]!.length, c => times(height, y => times(width, at => x[y * width + at]![c]!)))
}
const acrossChannels = (x: Planes, f: (tokens: Rows) => Rows): Planes => mapOf(f(tokensOf(x)), x[0]!.length)

// ---- resizing ----------------------------------------------------------------------------------------------------------------
type Weigh = (from: number, to: number, i: number) => ReadonlyMap<number, number>
const inside = (n: number, at: number) => Math.min(Math.max(at, 0), n - 1)
const taps = (from: number, list: readonly (readonly [number, number])[]): ReadonlyMap<number, number> => {
  const weights = new Map<number, number>()
  for (const [at, weight] of list) weights.set(inside(from, at), (weights.get(inside(from, at)) ?? 0) + weight)
  return weights
}
export const bilinear =
  (alignCorners: boolean): Weigh =>
  (from, to, i) => {
    const source = alignCorners
      ? to > 1
        ? (i * (from - 1)) / (to - 1)
        : 0
      : Math.max(((i + 0.5) * from) / to - 0.5, 0)
    const low = Math.min(Math.floor(source), from - 1)
    return taps(from, [
      [low, 1 - (source - low)],
      [low + 1, source - low],
    ])
  }
const keys = (a: number, x: number) =>
  x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
/** torch's bicubic: the border is repeated. */
export const bicubic: Weigh = (from, to, i) => {
  const source = ((i + 0.5) * from) / to - 0.5
  const base = Math.floor(source)
  return taps(
    from,
    [-1, 0, 1, 2].map(step => [base + step, keys(-0.75, Math.abs(source - base - step))] as const),
  )
}
/** Pillow's, and torch's with antialias: taps outside are not there. */
export const antialiased: Weigh = (from, to, i) => {
  const scale = Math.max(from / to, 1)
  const centre = ((i + 0.5) * from) / to
  const first = Math.max(Math.floor(centre - 2 * scale + 0.5), 0)
  const last = Math.min(Math.floor(centre + 2 * scale + 0.5), from)
  const raw = times(last - first, k => keys(-0.5, Math.abs((k + first - centre + 0.5) / scale)))
  const total = sumOf(raw.length, k => raw[k]!)
  return new Map(raw.map((weight, k) => [first + k, weight / total]))
}
export const resize = (x: Planes, height: number, width: number, weigh: Weigh): Planes =>
  x.map(plane =>
    times(height, y =>
      times(width, at => {
        let total = 0
        for (const [row, a] of weigh(plane.length, height, y))
          for (const [column, b] of weigh(plane[0]!.length, width, at)) total += a * b * plane[row]![column]!
        return total
      }),
    ),
  )
export const part = (x: Planes, top: number, left: number, height: number, width: number): Planes =>
  x.map(plane => plane.slice(top, top + height).map(row => row.slice(left, left + width)))

// ---- towers ------------------------------------------------------------------------------------------------------------------
export interface Tower {
  readonly heads: number
  readonly patch: number
  readonly eps: number
  readonly activation: (x: number) => number
}
export const selfAttention = (w: Parameters, name: string, x: Rows, heads: number): Rows => {
  const [q, k, v] = ['q', 'k', 'v'].map(which => linear(w, `${name}.${which}_proj`, x)) as [Rows, Rows, Rows]
  return linear(w, `${name}.out_proj`, attend(q, k, v, heads))
}
export const clipLayer = (w: Parameters, name: string, x: Rows, { heads, eps, activation }: Tower): Rows => {
  const y = plus(x, selfAttention(w, `${name}.self_attn`, layerNorm(w, `${name}.layer_norm1`, x, eps), heads))
  const hidden = each(activation, linear(w, `${name}.mlp.fc1`, layerNorm(w, `${name}.layer_norm2`, y, eps)))
  return plus(y, linear(w, `${name}.mlp.fc2`, hidden))
}
/** Tokens with positions, the class token first; the table is resized where its grid is another. */
export const clipEmbeddings = (w: Parameters, name: string, image: Planes, { patch }: Tower, weigh = bicubic): Rows => {
  const map = conv(w, `${name}.patch_embedding`, image, patch, 0)
  const table = rowsOf(w, `${name}.position_embedding.weight`)
  const [height, width] = [map[0]!.length, map[0]![0]!.length]
  const places = tokensOf(resize(mapOf(table.slice(1), Math.sqrt(table.length - 1)), height, width, weigh))
  return plus([vector(w, `${name}.class_embedding`), ...tokensOf(map)], [table[0]!, ...places])
}
export const clip = (w: Parameters, image: Planes, tower: Tower, layers: number, under = ''): Rows => {
  const name = `${under}vision_model`
  const embedded = clipEmbeddings(w, `${name}.embeddings`, image, tower)
  let x = layerNorm(w, `${name}.pre_layrnorm`, embedded, tower.eps)
  for (let i = 0; i < layers; i++) x = clipLayer(w, `${name}.encoder.layers.${i}`, x, tower)
  return x.slice(1)
}

const convNextBlock = (w: Parameters, name: string, x: Planes): Planes => {
  const gamma = vector(w, `${name}.gamma`)
  const change = acrossChannels(conv(w, `${name}.conv_dw`, x, 1, 3, true), tokens => {
    const hidden = each(gelu, linear(w, `${name}.mlp.fc1`, layerNorm(w, `${name}.norm`, tokens, 1e-6)))
    return linear(w, `${name}.mlp.fc2`, hidden).map(row => row.map((v, c) => v * gamma[c]!))
  })
  return x.map((plane, c) => plus(plane, change[c]!))
}
/** The maps of four stages. */
export const convNext = (w: Parameters, image: Planes, depths: readonly number[]): Planes[] => {
  const name = 'visual.trunk'
  const maps: Planes[] = []
  let x = acrossChannels(conv(w, `${name}.stem.0`, image, 4, 0), t => layerNorm(w, `${name}.stem.1`, t, 1e-6))
  depths.forEach((depth, s) => {
    const stage = `${name}.stages.${s}`
    if (s > 0)
      x = conv(
        w,
        `${stage}.downsample.1`,
        acrossChannels(x, t => layerNorm(w, `${stage}.downsample.0`, t, 1e-6)),
        2,
        0,
      )
    for (let b = 0; b < depth; b++) x = convNextBlock(w, `${stage}.blocks.${b}`, x)
    maps.push(x)
  })
  return maps
}

// ---- what joins them ---------------------------------------------------------------------------------------------------------
/** LLaVA-HR's adapter, MG-LLaVA's Conv-Gate: tokens on a grid of `side` rows and a map with as many, fewer or more. */
export const convGate = (w: Parameters, name: string, low: Rows, high: Planes, side: number): Rows => {
  const narrow = conv(
    w,
    `${name}.slow_proj`,
    conv(w, `${name}.slow_conv`, high, 1, 0).map(p => each(gelu, p)),
    1,
    0,
  )
  const slow = tokensOf(onGrid(narrow, side))
  const x = mapOf(low, side)
  const change = conv(
    w,
    `${name}.fast_proj`,
    conv(w, `${name}.fast_conv`, x, 1, 3, true).map(p => each(gelu, p)),
    1,
    0,
  )
  const fast = plus(low, tokensOf(change))
  const both = fast.map((row, n) => [...row, ...slow[n]!])
  const mean = [times(both[0]!.length, c => sumOf(both.length, n => both[n]![c]!) / both.length)]
  const gate = Math.tanh(linear(w, `${name}.gate.2`, each(gelu, linear(w, `${name}.gate.0`, mean)))[0]![0]!)
  return plus(
    fast,
    each(v => gate * v, slow),
  )
}
/** A square map with so many rows: bilinear with corners aligned if they are more, means of squares if fewer. */
export const onGrid = (map: Planes, side: number): Planes => {
  const from = map[0]!.length
  if (from === side) return map
  if (from < side) return resize(map, side, side, bilinear(true))
  const size = from / side
  return map.map(plane =>
    times(side, y =>
      times(side, x => sumOf(size, i => sumOf(size, j => plane[y * size + i]![x * size + j]!)) / (size * size)),
    ),
  )
}

/** Mini-Gemini's patch info mining: each token asks the pixels of its own patch of a map. */
export const mine = (w: Parameters, name: string, low: Rows, map: Planes, side: number): Rows => {
  const size = map[0]!.length / side
  const project = (which: string, x: Rows) =>
    linear(w, `${name}.vlm_uni_${which}_projector.1`, layerNorm(w, `${name}.vlm_uni_${which}_projector.0`, x, 1e-5))
  const asking = project('query', low)
  return low.map((row, n) => {
    const under = tokensOf(part(map, Math.floor(n / side) * size, (n % side) * size, size, size))
    const [answer] = attend([asking[n]!], project('aux', under), project('val', under), 1)
    return row.map((v, c) => v + answer![c]!)
  })
}
/** All stages at the size of the first. */
export const pyramid = (maps: readonly Planes[]): Planes =>
  maps.flatMap(map => resize(map, maps[0]![0]!.length, maps[0]![0]![0]!.length, bilinear(false)))

/** torchvision's roi_align of one box x1, y1, x2, y2 with its defaults: [columns · rows] tokens. */
const roiAlign = (map: Planes, [x1, y1, x2, y2]: readonly number[], rows: number, columns: number): Rows => {
  const [height, width] = [map[0]!.length, map[0]![0]!.length]
  const [binHeight, binWidth] = [Math.max(y2! - y1!, 1) / rows, Math.max(x2! - x1!, 1) / columns]
  const [down, across] = [Math.ceil(binHeight), Math.ceil(binWidth)]
  const at = (plane: Rows, y: number, x: number): number => {
    if (y < -1 || y > height || x < -1 || x > width) return 0
    const [top, left] = [Math.min(Math.max(y, 0), height - 1), Math.min(Math.max(x, 0), width - 1)]
    const [t, l] = [Math.floor(top), Math.floor(left)]
    const [b, r] = [Math.min(t + 1, height - 1), Math.min(l + 1, width - 1)]
    const upper = plane[t]![l]! * (1 - (left - l)) + plane[t]![r]! * (left - l)
    const lower = plane[b]![l]! * (1 - (left - l)) + plane[b]![r]! * (left - l)
    return upper * (1 - (top - t)) + lower * (top - t)
  }
  return times(rows * columns, bin => {
    const [p, q] = [Math.floor(bin / columns), bin % columns]
    return map.map(plane => {
      const sample = (i: number, j: number) =>
        at(
          plane,
          y1! + p * binHeight + ((i + 0.5) * binHeight) / down,
          x1! + q * binWidth + ((j + 0.5) * binWidth) / across,
        )
      return sumOf(down, i => sumOf(across, j => sample(i, j))) / (down * across)
    })
  })
}
/** LLaVA-UHD's resampler: query (i, j) of side × side reads what RoIAlign makes of its window of the keys and values. */
export const resampleRegions = (
  w: Parameters,
  name: string,
  tokens: Rows,
  height: number,
  side: number,
  heads: number,
): Rows => {
  const width = tokens.length / height
  const candidates = [
    [4, 2],
    [3, 2],
    [4, 3],
    [3, 3],
    [2, 4],
    [2, 3],
    [3, 4],
  ] as const
  let [columns, rows]: readonly [number, number] = [3, 3]
  let least = Number.POSITIVE_INFINITY
  for (const [c, r] of candidates) {
    const error = Math.abs(Math.log(width / height) - Math.log(c / r))
    if (error < least) [columns, rows, least] = [c, r, error]
  }
  const places = rowsOf(w, `${name}.pos_embed`)
  const values = layerNorm(w, `${name}.ln_kv`, linear(w, `${name}.kv_proj`, tokens), 1e-6)
  const keys = plus(values, tokensOf(resize(mapOf(places, side), height, width, bicubic)))
  const queries = plus(layerNorm(w, `${name}.ln_q`, rowsOf(w, `${name}.query`), 1e-6), places)
  const [weight, bias] = [rowsOf(w, `${name}.attn.in_proj_weight`), vector(w, `${name}.attn.in_proj_bias`)]
  const third = (k: number, x: Rows): Rows => {
    const out = weight.length / 3
    return x.map(row =>
      times(out, o => bias[k * out + o]! + sumOf(row.length, i => weight[k * out + o]![i]! * row[i]!)),
    )
  }
  const proj = rowsOf(w, `${name}.proj`)
  const read = queries.map((query, n) => {
    const [i, j] = [Math.floor(n / side), n % side]
    const box = [(j * width) / side, (i * height) / side, ((j + 1) * width) / side, ((i + 1) * height) / side]
    const region = (x: Rows) => roiAlign(mapOf(x, height), box, rows, columns)
    return attend(third(0, [query]), third(1, region(keys)), third(2, region(values)), heads)[0]!
  })
  const told = layerNorm(w, `${name}.ln_post`, linear(w, `${name}.attn.out_proj`, read), 1e-6)
  return told.map(row => times(row.length, o => sumOf(row.length, i => row[i]! * proj[i]![o]!)))
}
