/**
 * Initial values of parameters: a distribution and, through the parameter's full name and a seed, its numbers. Random bits are
 * counter-based (a hash of seed, name and position), so that the same name and seed give the same numbers on any machine, in any order.
 */
export type Init =
  | { readonly init: 'zeros' }
  | { readonly init: 'ones' }
  | { readonly init: 'constant'; readonly value: number }
  | { readonly init: 'uniform'; readonly bound: number }
  | { readonly init: 'normal'; readonly std: number }
  | { readonly init: 'truncated normal'; readonly std: number }
  /** uniform within ±sqrt(6 / (fanIn + fanOut)). Glorot & Bengio 2010. */
  | { readonly init: 'xavier' }
  /** uniform within ±1/sqrt(fanIn): what torch's Linear and Conv use, Kaiming with a = sqrt(5). He et al. 2015. */
  | { readonly init: 'kaiming' }
  /** fixed positions [side * side, width] of a square grid: sines and cosines of the column, then of the row. Vaswani et al. 2017. */
  | { readonly init: 'sine grid' }

/** 32 random bits for position i of stream `key`: two rounds of a multiply-xorshift hash (as splitmix). */
export const randomBits = (key: number, i: number): number => {
  let x = (key + Math.imul(i, 0x9e3779b1)) | 0
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
  return (x ^ (x >>> 16)) >>> 0
}
/** A number for a text: which stream of random bits a name has. */
export const hashText = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h >>> 0
}
const fans = (shape: readonly number[]): { fanIn: number; fanOut: number } => {
  const window = shape.slice(2).reduce((a, b) => a * b, 1)
  const [out = 1, into = out] = shape
  return { fanIn: into * window, fanOut: out * window }
}

/** The initial numbers of a parameter, row-major, as float32. Weights are [out, in, ...window], as checkpoints store them. */
export const initialValues = (init: Init, name: string, shape: readonly number[], seed: number): Float32Array => {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
  const key = hashText(`${seed}/${name}`)
  const unit = (i: number): number => (randomBits(key, i) + 0.5) / 0x100000000
  const uniform = (bound: number): Float32Array => values.map((_, i) => (2 * unit(i) - 1) * bound)
  const gauss = (i: number): number => Math.sqrt(-2 * Math.log(unit(2 * i))) * Math.cos(2 * Math.PI * unit(2 * i + 1))
  const { fanIn, fanOut } = fans(shape)
  switch (init.init) {
    case 'zeros':
      return values
    case 'ones':
      return values.fill(1)
    case 'constant':
      return values.fill(init.value)
    case 'uniform':
      return uniform(init.bound)
    case 'normal':
      return values.map((_, i) => gauss(i) * init.std)
    case 'truncated normal':
      return values.map((_, i) => Math.max(-2, Math.min(2, gauss(i))) * init.std)
    case 'xavier':
      return uniform(Math.sqrt(6 / (fanIn + fanOut)))
    case 'kaiming':
      return uniform(1 / Math.sqrt(fanIn))
    case 'sine grid':
      return sineGrid(shape as readonly [number, number])
  }
}

const sineGrid = ([positions, width]: readonly [number, number]): Float32Array => {
  const side = Math.round(Math.sqrt(positions))
  const quarter = width / 4
  return Float32Array.from({ length: positions * width }, (_, i) => {
    const [position, channel] = [Math.floor(i / width), i % width]
    const along = channel < 2 * quarter ? position % side : Math.floor(position / side)
    const angle = along * 10000 ** (-(channel % quarter) / quarter)
    return Math.floor(channel / quarter) % 2 === 0 ? Math.sin(angle) : Math.cos(angle)
  })
}
