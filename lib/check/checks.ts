/**
 * What must be true of every op, one function for each: given an op and an instance, what is wrong, in sentences; nothing where all is
 * well. The same questions for every op (PyTorch's OpInfo); none of them knows an op by name.
 */
import { either as E } from 'fp-ts'
import {
  countOf,
  nodeOf,
  randomBits,
  type AnyTensor,
  type Applied,
  type Feeds,
  type Loose,
  type Node,
  type Op,
  type Value,
} from '../graph/index.ts'
import { evaluate } from '../interpret/evaluate.ts'
import { pullback } from '../interpret/gradient.ts'
import { ShapeError, showShape, type Shape } from '../shape/index.ts'
import { outsideDomain } from './domain.ts'
import {
  asFeeds,
  attempt,
  build,
  inputSource,
  nameSizes,
  numbersOf,
  resized,
  tensorOf,
  type Built,
  type Instance,
} from './instance.ts'
import { meaningOf, stepsOf } from './steps.ts'
import { differs, shareOf, shares } from './tolerances.ts'

/** What is wrong, in sentences. */
type Wrong = readonly string[]
export interface Check {
  readonly title: string
  readonly appliesTo: (op: Op) => boolean
  readonly on: (op: Op, instance: Instance) => Wrong
}

const outputKind = (op: Op): string => (op.kinds.split('->')[1] ?? '').trim()
const takesNumbers = (op: Op): boolean => /\bfloat\b|\b[a-z]\b/.test(op.kinds.split('->')[0] ?? '')
const isLetter = (kind: string): boolean => kind.length === 1

/** The values of tensors by name; a left is an error of the op, since the instance is good. */
export const valuesOf = (
  outputs: Readonly<Record<string, AnyTensor>>,
  feeds: Feeds,
): Readonly<Record<string, Value>> => {
  const values = evaluate(outputs, feeds)
  if (E.isLeft(values)) throw new Error(values.left.message)
  return values.right
}
export const valueOf = (x: AnyTensor, feeds: Feeds): Value => valuesOf({ x }, feeds).x!

const compared = (what: string, got: Value, wanted: Value): Wrong => {
  const difference = differs(got, wanted, shareOf('float64', wanted))
  return difference === undefined ? [] : [`${what}: ${difference}`]
}

// ---- the rule ------------------------------------------------------------------------------------------------------
const shapePredicted: Check = {
  title: "the rule predicts the reference's shape, with numbers and with names",
  appliesTo: () => true,
  on: (op, instance) => {
    const values = numbersOf(op, instance)
    if (values === undefined) return []
    const feeds = asFeeds(values)
    const node = build(op, instance)
    const y = valueOf(tensorOf(node), feeds)
    const named = nameSizes(op, instance)
    return [
      ...meantShape(node),
      ...(y.shape.join() === node.shape.join() ? [] : [`gives [${y.shape}], the rule says ${showShape(node.shape)}`]),
      ...(y.data.length === countOf(y.shape) ? [] : [`gives ${y.data.length} numbers, the rule says [${y.shape}]`]),
      ...wrongNumbers(y),
      ...(named.sizes.length === 0
        ? []
        : compared(
            `with names ${named.shapes.map(showShape).join(', ')}`,
            valueOf(tensorOf(build(op, instance, named.shapes)), feeds),
            y,
          )),
    ]
  },
}
const meantShape = (node: Applied): Wrong => {
  const meaning = meaningOf(node)
  if (meaning === undefined) return []
  const same = showShape(meaning.shape) === showShape(node.shape) && meaning.kind === node.kind
  return same
    ? []
    : [
        `its meaning gives ${meaning.kind} ${showShape(meaning.shape)}, the rule says ${node.kind} ${showShape(node.shape)}`,
      ]
}
const wrongNumbers = ({ kind, data }: Value): Wrong => {
  const allowed =
    kind === 'index' ? Number.isInteger : kind === 'truth' ? (x: number) => x === 0 || x === 1 : () => true
  const wrong = Array.from(data).find(x => !allowed(x))
  return wrong === undefined ? [] : [`gives ${wrong}, which is no ${kind === 'index' ? 'index' : 'truth value'}`]
}

// ---- the meaning ---------------------------------------------------------------------------------------------------
const sameMeaning: Check = {
  title: 'its own reference and gradient agree with its meaning',
  appliesTo: op => op.meaning !== undefined && (op.reference !== undefined || op.gradient !== undefined),
  on: (op, instance) => {
    const values = numbersOf(op, instance)
    if (values === undefined) return []
    const node = build(op, instance)
    const meaning = meaningOf(node)!
    const feeds = asFeeds(values)
    const y = valueOf(tensorOf(meaning), feeds)
    const wrong = compared('its reference against its meaning', valueOf(tensorOf(node), feeds), y)
    if (op.gradient === undefined || node.kind !== 'float') return wrong
    const own = cotangents(op, node, instance.seed, feeds, node)
    const meant = cotangents(op, meaning, instance.seed, feeds, node)
    return [
      ...wrong,
      ...Object.entries(own.values).flatMap(([k, v]) =>
        own.gives.has(k) ? compared(`its gradient for input ${k} against its meaning's`, v, meant.values[k]!) : [],
      ),
    ]
  },
}

// ---- the gradient --------------------------------------------------------------------------------------------------
interface Cotangents {
  readonly values: Readonly<Record<string, Value>>
  readonly cotangent: Value
  /** the inputs that have a gradient, by position from 1 */
  readonly gives: ReadonlySet<string>
}
/**
 * The cotangents of the float inputs, by position from 1, for a cotangent of the output made of the seed. `inputs` are those of the
 * graph, `shape` is the output's in numbers.
 */
const cotangents = (
  op: Op,
  output: Node,
  seed: number,
  feeds: Feeds,
  { inputs, shape }: { readonly inputs: readonly Node[]; readonly shape: Shape },
): Cotangents => {
  const dy = inputSource('dy', output.shape, 'float')
  const floats = inputs.flatMap((x, k) => (x.kind === 'float' ? [k] : []))
  const made = pullback(
    [tensorOf(output)],
    [tensorOf(dy)],
    floats.map(k => tensorOf(inputs[k]!)),
  )
  const own = declared(op, output, dy)
  const byInput = Object.fromEntries(floats.map((k, j) => [`${k + 1}`, made[j]!]))
  const cotangent = noise(shape as readonly number[], seed)
  // the output is asked for too, so that every input is there to say what its named sizes are
  const all = valuesOf(
    { ...byInput, output: tensorOf(output) },
    { ...feeds, ...(dependsOn(made, dy) ? { dy: cotangent } : {}) },
  )
  const { output: _, ...values } = all
  return {
    values,
    cotangent,
    gives: new Set(
      floats.filter((k, j) => (own === undefined ? !isZero(made[j]!) : own[k] !== undefined)).map(k => `${k + 1}`),
    ),
  }
}
const dependsOn = (outputs: readonly AnyTensor[], source: Node): boolean => {
  const seen = new Set<Node>()
  const stack = outputs.map(nodeOf)
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node === source) return true
    if (!seen.has(node)) stack.push(...node.inputs)
    seen.add(node)
  }
  return false
}
/** What the op's own gradient says, if it has one. */
const declared = (op: Op, output: Node, dy: Node): readonly (AnyTensor | undefined)[] | undefined => {
  if (op.gradient === undefined || output.role !== 'applied' || output.op !== op) return undefined
  const inputs = output.inputs as unknown as Loose[]
  const own = op.gradient(dy as unknown as Loose, { inputs, output: output as unknown as Loose, attrs: output.attrs })
  if (own.length !== inputs.length)
    throw new Error(
      `its gradient gives ${own.length} cotangents for ${inputs.length} inputs (undefined for one that has none)`,
    )
  own.forEach((c, k) => {
    const shapes: readonly (Shape | undefined)[] = [c?.shape, inputs[k]!.shape as Shape]
    // names may say one size in two ways; numbers may not
    const known = shapes.every(s => s?.every(d => typeof d === 'number') === true)
    if (known && shapes[0]!.join() !== shapes[1]!.join())
      throw new Error(`its gradient for input ${k + 1} has shape [${shapes[0]!}], the input [${shapes[1]!}]`)
  })
  return own
}
const isZero = (x: AnyTensor): boolean => {
  const node = nodeOf(x)
  return node.role === 'constant' && node.value === 0
}
/** Numbers between -1 and 1. */
const noise = (shape: readonly number[], seed: number): Value => ({
  kind: 'float',
  shape,
  data: Float64Array.from({ length: countOf(shape) }, (_, i) => (randomBits(seed + 77, i) + 0.5) / 0x80000000 - 1),
})

const gradientRight: Check = {
  title: 'the gradient agrees with a difference quotient',
  appliesTo: op => takesNumbers(op) && (outputKind(op) === 'float' || isLetter(outputKind(op))),
  on: (op, instance) => {
    const node = build(op, instance)
    if (node.kind !== 'float' || !node.inputs.some(x => x.kind === 'float')) return []
    if (op.gradient === undefined && op.meaning === undefined)
      return ['has neither a gradient nor a meaning; where there is none, its gradient gives undefined']
    return quotients(op, instance, node, 3)
  },
}
/**
 * One random direction for each input. Where the quotient itself is unsettled (the step crosses a kink) other numbers are tried; a
 * gradient that is wrong where the function is smooth is wrong at once.
 */
const quotients = (op: Op, instance: Instance, node: Applied, tries: number): Wrong => {
  const values = numbersOf(op, instance)
  if (values === undefined) return []
  const outside = outsideDomain(valueOf(tensorOf(node), asFeeds(values)))
  if (outside !== undefined) return [outside]
  const { values: gradients, cotangent, gives } = cotangents(op, node, instance.seed, asFeeds(values), node)
  const wrong: string[] = []
  let settled = true
  for (const k of gives) {
    const at = Number(k) - 1
    const gradient = gradients[k]!
    const direction = noise(values[at]!.shape, instance.seed + at)
    const along = (t: number): number => {
      const moved = values.map((v, j) => (j === at ? movedBy(v, direction, t) : v))
      return dot(cotangent.data, valueOf(tensorOf(node), asFeeds(moved)).data)
    }
    const found = slope(along, [gradient], [direction])
    if (found === undefined) continue
    if (!found.settled) settled = false
    wrong.push(`the gradient for input ${k} says ${found.said}`)
  }
  return settled || tries === 0 ? wrong : quotients(op, { ...instance, seed: instance.seed + 1 }, node, tries - 1)
}
const step = 1e-5
/**
 * What a gradient says of a direction and what the difference quotient along it says, where they differ; settled when the function
 * is smooth over the steps.
 */
const slope = (
  along: (t: number) => number,
  gradients: readonly Value[],
  directions: readonly Value[],
): { readonly said: string; readonly settled: boolean } | undefined => {
  const [a, b, middle, c, d] = [along(-2 * step), along(-step), along(0), along(step), along(2 * step)] as const
  const quotient = (8 * (c - b) - (d - a)) / (12 * step)
  const said = total(gradients.map((g, k) => dot(g.data, directions[k]!.data)))
  const terms = gradients.map((g, k) => dot(g.data.map(Math.abs), directions[k]!.data.map(Math.abs)))
  const off = Math.abs(said - quotient)
  const size = total(terms) + Math.abs(quotient) + Math.abs(middle) / 1000
  if (off <= shares.quotient * Math.max(size, 1e-3)) return undefined
  const slopes = [b - a, middle - b, c - middle, d - c].map(rise => rise / step)
  const spread = Math.max(...slopes) - Math.min(...slopes)
  return { said: `${said} along a direction, the difference quotient ${quotient}`, settled: spread <= off / 2 }
}
const total = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0)
const movedBy = (v: Value, direction: Value, t: number): Value => ({
  ...v,
  data: Float64Array.from(v.data, (x, i) => x + t * direction.data[i]!),
})
const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

const gradientAgain: Check = {
  title: 'the gradient of its gradient agrees with a difference quotient',
  appliesTo: op => gradientRight.appliesTo(op) && (op.gradient !== undefined || op.meaning !== undefined),
  on: (op, instance) => {
    const node = build(op, instance)
    return node.kind === 'float' && node.inputs.some(x => x.kind === 'float') ? again(op, instance, node, 3) : []
  },
}
/**
 * The gradient is a function of the cotangent of the output and of the inputs. Its own gradient is held to a quotient along one random
 * direction of all of them together, but for inputs that have no gradient; kinks as above.
 */
const again = (op: Op, instance: Instance, node: Built, tries: number): Wrong => {
  const values = numbersOf(op, instance)
  if (values === undefined || outsideDomain(valueOf(tensorOf(node), asFeeds(values))) !== undefined) return []
  const { seed } = instance
  const numbers = (x: Node, k: number): Value => noise(x.shape as readonly number[], seed + k)
  const dy = inputSource('dy', node.shape, 'float')
  const floats = node.inputs.filter(x => x.kind === 'float')
  const made = pullback([tensorOf(node)], [tensorOf(dy)], floats.map(tensorOf))
  const sources = [...floats.filter((_, k) => !isZero(made[k]!)), dy]
  const gradients = made.filter(g => !isZero(g))
  if (gradients.length === 0) return []
  const cots = gradients.map((g, k) => inputSource(`cot${k}`, g.shape as Shape, 'float'))
  const second = pullback(gradients, cots.map(tensorOf), sources.map(tensorOf))
  // all sources are outputs too, so that every feed is read: a gradient need not depend on all of them
  const given = Object.fromEntries([...node.inputs, dy, ...cots].map(x => [x.name, tensorOf(x)]))
  const drawn = Object.fromEntries([dy, ...cots].map((x, k) => [x.name, numbers(x, k)]))
  const inputs = Object.fromEntries(node.inputs.map((x, k) => [x.name, values[k]!]))
  const feeds = { ...inputs, ...drawn }
  const all = (outputs: readonly AnyTensor[], at: Feeds): readonly Value[] => {
    const got = valuesOf({ ...given, ...Object.fromEntries(outputs.map((x, k) => [`${k}`, x])) }, at)
    return outputs.map((_, k) => got[k]!)
  }
  const directions = sources.map((x, k) => numbers(x, k + 100))
  const along = (t: number): number => {
    const moved = sources.map((x, k) => [x.name, movedBy(feeds[x.name]!, directions[k]!, t)] as const)
    const got = all(gradients, { ...feeds, ...Object.fromEntries(moved) })
    return total(cots.map((cot, k) => dot(drawn[cot.name]!.data, got[k]!.data)))
  }
  const found = slope(along, all(second, feeds), directions)
  if (found === undefined) return []
  if (!found.settled && tries > 0) return again(op, { ...instance, seed: seed + 1 }, node, tries - 1)
  return [`the gradient of its gradient says ${found.said}`]
}

const gradientNamed: Check = {
  title: 'the gradient is the same with named sizes',
  appliesTo: op => gradientRight.appliesTo(op) && (op.gradient !== undefined || op.meaning !== undefined),
  on: (op, instance) => {
    const values = numbersOf(op, instance)
    const named = nameSizes(op, instance)
    const node = build(op, instance)
    if (values === undefined || named.sizes.length === 0 || node.kind !== 'float') return []
    const feeds = asFeeds(values)
    const literal = cotangents(op, node, instance.seed, feeds, node)
    const symbolic = build(op, instance, named.shapes)
    const byName = cotangents(op, symbolic, instance.seed, feeds, { inputs: symbolic.inputs, shape: node.shape })
    return Object.entries(literal.values).flatMap(([k, v]) =>
      compared(
        `the gradient for input ${k} with names ${named.shapes.map(showShape).join(', ')}`,
        byName.values[k]!,
        v,
      ),
    )
  },
}

// ---- laws ----------------------------------------------------------------------------------------------------------
const lawful: Check = {
  title: 'its laws hold',
  appliesTo: op => Object.keys(op.laws).length > 0,
  on: (op, instance) => {
    const values = numbersOf(op, instance)
    if (values === undefined) return []
    const { inputs } = build(op, instance)
    const f = (...xs: readonly AnyTensor[]): AnyTensor => tensorOf(op.applyTo(instance.attrs, xs))
    return Object.entries(op.laws).flatMap(([name, law]) => {
      const [left, right] = law(f, ...(inputs as unknown as Loose[]))
      const used = inputs.flatMap((x, k) => (dependsOn([left, right], x) ? [[x.name, values[k]!] as const] : []))
      const sides = valuesOf({ left, right }, Object.fromEntries(used))
      return compared(`the law '${name}'`, sides.left!, sides.right!)
    })
  },
}

// ---- refusals ------------------------------------------------------------------------------------------------------
const refusalsSpeak: Check = {
  title: 'a wrong shape names the axis and both sizes',
  appliesTo: () => true,
  on: (op, instance) =>
    instance.shapes.flatMap((shape, k) => [
      ...shape.flatMap((n, axis) =>
        refusalOf(op, instance, k, shape.with(axis, n + 1), error => namesBoth(error, n + 1)),
      ),
      ...refusalOf(op, instance, k, [2, ...shape]),
      ...(shape.length === 0 ? [] : refusalOf(op, instance, k, shape.slice(1))),
    ]),
}
const refusalOf = (
  op: Op,
  instance: Instance,
  k: number,
  shape: readonly number[],
  more: (error: ShapeError) => Wrong = () => [],
): Wrong => {
  const made = attempt(() => build(op, instance, instance.shapes.with(k, shape)))
  if (!(made instanceof ShapeError)) return []
  const rule = op.rule.sentence(instance.attrs)
  const absent = [op.name, rule].filter(part => !made.message.includes(part))
  return [...absent.map(part => `does not say '${part}'`), ...more(made)].map(
    why => `the refusal of input ${k + 1} as ${showShape(shape)} ${why}: ${made.message.split('\n')[0]}`,
  )
}
const namesBoth = ({ message, refusal: { axis, sizes = [] } }: ShapeError, changed: number): Wrong => [
  ...(axis === undefined ? ['names no axis'] : []),
  ...(sizes.length < 2 ? ['gives no two sizes'] : []),
  ...[...sizes, changed].filter(n => !message.includes(String(n))).map(n => `does not show ${n}`),
]

// ---- edges ---------------------------------------------------------------------------------------------------------
/** Sizes at which programs break: nothing, one, and around the sides of tiles and workgroups. */
export const edges: readonly number[] = [0, 1, 63, 64, 65, 577]
/**
 * The instance with edge sizes in place of one of its sizes that may be any number, where nothing that it takes or gives has more than
 * `most` numbers, and nothing that it makes on the way has too many for a device.
 */
export const edgesOf = (op: Op, instance: Instance, sizes: readonly number[], most: number): readonly Instance[] => {
  const free = nameSizes(op, instance).sizes
  const from = free[instance.seed % Math.max(free.length, 1)]
  if (from === undefined) return []
  return sizes
    .map(n => resized(instance, from, n))
    .filter(made => {
      const node = attempt(() => build(op, made))
      if (node instanceof ShapeError) return false
      const holds = ({ shape }: Node): number => countOf(shape as readonly number[])
      const fits = [node, ...node.inputs].every(x => holds(x) <= most) && madeBy(node).every(x => holds(x) <= mostMade)
      return fits && numbersOf(op, made) !== undefined
    })
}
/** 16 MiB of f32: products of two sizes of 65,537 have 16 GiB. */
const mostMade = 2 ** 22
/** What a meaning makes on the way to a node. */
const madeBy = (node: Applied): readonly Applied[] => {
  const meaning = meaningOf(node)
  if (meaning === undefined) return []
  return stepsOf(meaning, node.inputs).flatMap(step => (step.role === 'applied' ? [step, ...madeBy(step)] : []))
}
/** Those that matter without a device, which has no tiles. */
const plainEdges = [0, 1, 577]
const atEdges: Check = {
  title: `sizes of ${plainEdges.join(', ')} are no exceptions`,
  appliesTo: () => true,
  on: (op, instance) =>
    edgesOf(op, instance, plainEdges, 5000).flatMap(made =>
      [...shapePredicted.on(op, made), ...(gradientNamed.appliesTo(op) ? gradientNamed.on(op, made) : [])].map(
        wrong => `${made.shapes.map(showShape).join(', ')}: ${wrong}`,
      ),
    ),
}

/** The checks that need no device. */
export const checks = {
  shape: shapePredicted,
  meaning: sameMeaning,
  gradient: gradientRight,
  'gradient of gradient': gradientAgain,
  'gradient, named': gradientNamed,
  laws: lawful,
  refusals: refusalsSpeak,
  edges: atEdges,
} as const satisfies Record<string, Check>
