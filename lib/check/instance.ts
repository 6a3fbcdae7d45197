/**
 * Instances of an op: attributes, shapes and kinds that its rule accepts, drawn from the record, with numbers from its domain. From
 * one instance come others that mean the same or must not: sizes replaced by names, one size replaced by another, one axis changed.
 */
import {
  asTensor,
  countOf,
  randomBits,
  type AnyTensor,
  type Applied,
  type Feeds,
  type Kind,
  type Node,
  type Op,
  type Sample,
  type Source,
  type Value,
} from '../graph/index.ts'
import { ShapeError, showShape, type Draw, type Shape } from '../shape/index.ts'

export interface Instance extends Sample<unknown> {
  readonly kinds: readonly Kind[]
  /** of the numbers */
  readonly seed: number
}

/** Choices from a seed alone: the same seed gives the same choices. */
export const seededDraw = (seed: number): Draw => {
  let count = 0
  const unit = (): number => (randomBits(seed, count++) + 0.5) / 0x100000000
  const int = (low: number, high: number): number => low + Math.floor(unit() * (high - low + 1))
  return {
    int,
    size: () => int(1, 7),
    pick: choices => choices[int(0, choices.length - 1)]!,
    number: (low, high) => low + unit() * (high - low),
  }
}

/** The kinds of `count` inputs; what may be of any kind is of kind `any`. */
const inputKinds = (op: Op, count: number, any: Kind): readonly Kind[] => {
  const wanted = (op.kinds.split('->')[0] ?? '').split(',').map(s => s.trim())
  return Array.from({ length: count }, (_, k) => {
    const want = wanted[Math.min(k, wanted.length - 1)] ?? 'float'
    return want.length > 1 ? (want as Kind) : any
  })
}

/** An instance that the record says is good. */
export const drawInstance = (op: Op, draw: Draw): Instance => {
  const attrs = op.sample === undefined ? op.sampleAttrs?.(draw) : undefined
  const sample = op.sample?.(draw) ?? { attrs, shapes: op.rule.sample(draw, attrs) }
  const any = draw.pick<Kind>(['float', 'float', 'index'])
  return { ...sample, kinds: inputKinds(op, sample.shapes.length, any), seed: draw.int(0, 0x7fffffff) }
}

export const inputName = (k: number, prefix = ''): string => `${prefix}x${k}`
/** An op applied to inputs. */
export interface Built extends Applied {
  readonly inputs: readonly Source[]
}
/** A graph of the op on inputs `x0`, `x1`, … of these shapes. Throws ShapeError where the rule refuses. */
export const build = (op: Op, instance: Instance, shapes: readonly Shape[] = instance.shapes, prefix = ''): Built => {
  const inputs = shapes.map((shape, k) => inputSource(inputName(k, prefix), shape, instance.kinds[k] ?? 'float'))
  return op.applyTo(instance.attrs, inputs) as Built
}
export const inputSource = (name: string, shape: Shape, kind: Kind): Source => ({
  role: 'input',
  name,
  kind,
  shape,
  inputs: [],
  labels: [],
  origin: { path: '', stack: {} },
})

const usual: Record<Kind, readonly [number, number]> = { float: [-2, 2], index: [0, 3], truth: [0, 1] }
/** The numbers of an instance, each one that float32 holds too; undefined where its domain is empty. */
export const numbersOf = (op: Op, instance: Instance, seed = instance.seed): readonly Value[] | undefined => {
  const values: Value[] = []
  for (const [k, shape] of instance.shapes.entries()) {
    const kind = instance.kinds[k]!
    const [from, to] = kind === 'truth' ? usual.truth : (op.domain?.(k, instance) ?? usual[kind])
    const [low, high] = kind === 'float' ? [from, to] : [Math.ceil(from), Math.floor(to)]
    const count = countOf(shape)
    if (low > high && count > 0) return undefined
    const unit = (i: number): number => (randomBits(seed + 0x9e37 * (k + 1), i) + 0.5) / 0x100000000
    const draw = (i: number): number =>
      kind === 'float' ? Math.fround(low + unit(i) * (high - low)) : low + Math.floor(unit(i) * (high - low + 1))
    const data = Float64Array.from({ length: count }, (_, i) => draw(i))
    values.push({ kind, shape, data })
  }
  return values
}
export const asFeeds = (values: readonly Value[], prefix = ''): Feeds =>
  Object.fromEntries(values.map((v, k) => [inputName(k, prefix), v]))

/** What a call gives, or the ShapeError it throws; any other error passes. */
export const attempt = <A>(f: () => A): A | ShapeError => {
  try {
    return f()
  } catch (e) {
    if (e instanceof ShapeError) return e
    throw e
  }
}

export interface Named {
  readonly shapes: readonly Shape[]
  /** the sizes that have a name now */
  readonly sizes: readonly number[]
}
/**
 * The same instance with a name for every size that the rule lets go by name: equal sizes get one name. A size of 1 keeps its number,
 * since broadcasting asks for it; so does a size that the attributes fix.
 */
export const nameSizes = (op: Op, instance: Instance): Named => {
  const all = [...new Set(instance.shapes.flat())].filter(n => n !== 1)
  const under = (sizes: readonly number[]): readonly Shape[] =>
    instance.shapes.map(s => s.map(n => (sizes.includes(n) ? `n${n}` : n)))
  let named: readonly number[] = []
  for (const n of all)
    if (!(attempt(() => build(op, instance, under([...named, n]))) instanceof ShapeError)) named = [...named, n]
  return { shapes: under(named), sizes: named }
}
/** The instance with another number for one of its sizes, everywhere. */
export const resized = (instance: Instance, from: number, to: number): Instance => ({
  ...instance,
  shapes: instance.shapes.map(s => s.map(n => (n === from ? to : n))),
})

/** An instance in words: `concat with {"axis":1} on [2, 3], [2, 5]`. */
export const describe = (op: Op, instance: Instance): string => {
  const attrs = instance.attrs === undefined ? '' : ` with ${JSON.stringify(instance.attrs)}`
  const shapes = instance.shapes.map(
    (s, k) => `${showShape(s)}${instance.kinds[k] === 'float' ? '' : ` ${instance.kinds[k]}`}`,
  )
  return `${op.name}${attrs} on ${shapes.length === 0 ? 'nothing' : shapes.join(', ')}`
}
export const tensorOf = (node: Node): AnyTensor => asTensor(node)
