import {
  literal,
  op,
  randomBits,
  rowMajor,
  showShape,
  size,
  wgsl,
  type Index,
  type Rule,
  type Shape,
  type Tensor,
  type WgslHelper,
} from '../lib/index.ts'

interface Attrs {
  readonly shape: Shape
  /** which of the streams that one seed gives */
  readonly stream: number
}
// randomBits of lib/graph/initial.ts twice: the seed and the stream make a key, the key and the position make the number
const unit: WgslHelper = {
  helper: 'random_unit',
  code: (T, name) => {
    const [I, U] = T === 'f32' ? ['i32', 'u32'] : ['vec4i', 'vec4u']
    return `fn ${name}_bits(key: ${U}, i: ${U}) -> ${U} {
  var x = key + i * ${U}(0x9e3779b1u);
  x = (x ^ (x >> ${U}(16u))) * ${U}(0x7feb352du);
  x = (x ^ (x >> ${U}(15u))) * ${U}(0x846ca68bu);
  return x ^ (x >> ${U}(16u));
}
fn ${name}(seed: ${I}, stream: ${I}, i: ${I}) -> ${T} {
  let bits = ${name}_bits(${name}_bits(${U}(seed), ${U}(stream)), ${U}(i));
  return ${T}(bits >> ${U}(8u)) / 16777216.0;
}`
  },
}
const rule: Rule<Attrs> = {
  sentence: ({ shape }) => `1 -> ${showShape(shape)}`,
  infer: ([seed], { shape }) => {
    const count = size.prod(seed ?? [])
    if (seed?.join() === '1') return shape
    return {
      why: `the seed holds ${count} indices in ${showShape(seed ?? [])}, should be one in [1]`,
      inputs: [0],
      axis: 0,
      sizes: [1, count],
    }
  },
  sample: () => [[1]],
}

/**
 * Numbers from 0 up to 1, uniform, in steps of 2^-24: a hash of the seed [1], the stream and the position. The same on every device, in
 * whatever order they are made, and made again where they are needed again.
 */
export const random: <const S extends Shape>(shape: S, stream: number) => (seed: Index<[1]>) => Tensor<[...S]> = op(
  'random',
  {
    args: (shape: Shape, stream: number): Attrs => ({ shape, stream: stream | 0 }),
    kinds: 'index -> float',
    rule,
    reference: ([seed], { attrs, shape }) => {
      const key = randomBits(seed!.data[0]!, attrs.stream)
      return Float64Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, i) => (randomBits(key, i) >>> 8) / 2 ** 24,
      )
    },
    form: ({ attrs, shape }) => ({
      form: 'each',
      value: (load, index) =>
        wgsl`${unit}(${load(0, [literal(0, 'index')])}, ${literal(attrs.stream, 'index')}, ${rowMajor(index, shape)})`,
    }),
    gradient: () => [undefined],
    domain: () => [-5, 5],
    sampleAttrs: draw => ({ shape: draw.pick<Shape>([[3], [2, 4], [577], []]), stream: draw.int(0, 9) }),
  },
)
