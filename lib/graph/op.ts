/**
 * An op is one record in one file: name, rule, meaning, gradient, WGSL, laws. Nodes carry their op and every interpreter asks the
 * node's own, so there is no registry and no table of all ops. (autodidax, jax-ml/jax: one meaning, many interpretations.)
 *
 * A *primitive* has a `reference` (slow, plain, float64: its definition), a `form` (its WGSL) and a `gradient`. A *composite* has a
 * `meaning`, a graph of other ops, from which all three follow; it may add any of them as an optimisation, which the kit proves equal.
 */
import type { Form, FormInputs } from '../form/form.ts'
import type { Canon, CheckSig, Dim, Draw, Refusal, Rule, Shape, Sizes } from '../shape/index.ts'
import { ShapeError, isRefusal, showShape, signatureRule } from '../shape/index.ts'
import { here } from './block.ts'
import type { FnOf } from './function-types.ts'
import type { AnyTensor, Applied, Kind, Node, Tensor } from './tensor.ts'
import { asTensor, nodeOf } from './tensor.ts'
import type { Value } from './value.ts'

/** Inside a record tensors have any shape: the rule has checked them. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the one place where shapes are not known on purpose
export type Loose = Tensor<any>

/** The definition of a primitive: numbers in float64, row-major, from numbers. */
export type Reference<A> = (
  inputs: readonly Value[],
  made: {
    readonly attrs: A
    readonly shape: readonly number[]
    readonly shapes: readonly (readonly number[])[]
    /** the number of a size in the attributes that may be named */
    readonly size: (d: Dim) => number
  },
) => ArrayLike<number>
/** The cotangents of the inputs from that of the output; undefined for an input that has none (indices). */
export type Gradient<A> = (
  cotangent: Loose,
  node: { readonly inputs: readonly Loose[]; readonly output: Loose; readonly attrs: A },
) => readonly (Loose | undefined)[]
/** Two graphs that must have equal values; the op comes as an argument, since a record cannot name itself. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- laws apply an op of any arity to tensors of any shape
export type Law = (f: any, ...inputs: Loose[]) => readonly [AnyTensor, AnyTensor]
/** One instance for the kit: attributes and shapes the rule accepts. */
export interface Sample<A> {
  readonly attrs: A
  readonly shapes: readonly (readonly number[])[]
}

export interface Op<A = unknown> {
  readonly name: string
  readonly rule: Rule<A>
  /** kinds of inputs and of the output: 'float, float -> float'; a letter stands for any one kind; the last input kind repeats */
  readonly kinds: string
  /** paper or repository */
  readonly source?: string
  /** makes the function that users call out of the record's attributes */
  readonly applyTo: (attrs: A, inputs: readonly AnyTensor[]) => Node
  readonly meaning?: (attrs: A) => (...inputs: Loose[]) => AnyTensor
  readonly reference?: Reference<A>
  /** undefined where these attributes or sizes have none: a composite is then compiled as its meaning */
  readonly form?: (made: FormInputs<A>) => Form | undefined
  readonly gradient?: Gradient<A>
  readonly laws: Readonly<Record<string, Law>>
  /** attributes for the kit, where there are any */
  readonly sampleAttrs?: (draw: Draw) => A
  /** whole instances for the kit, where attributes and shapes depend on each other */
  readonly sample?: (draw: Draw) => Sample<A>
  /** between which numbers input k is drawn; whole numbers for indices */
  readonly domain?: (k: number, sample: Sample<A>) => readonly [low: number, high: number]
  /** FLOP of one application; by default one per element of the output, or two per product of a contraction */
  readonly flops?: (shapes: readonly Shape[], shape: Shape, attrs: A) => Dim
  /** a simpler node that means the same, or undefined; from it and its like the compiler's simplify is made */
  readonly simplify?: (node: Applied, attrs: A) => AnyTensor | undefined
}

/** A typed function for code that makes patterns at run time, where tsc cannot follow; the rule checks all the same. */
export const loosely = (f: unknown): ((...args: readonly unknown[]) => (...inputs: readonly AnyTensor[]) => Loose) =>
  f as never

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined }
/** What a record may say besides its rule. */
type Body<A> = Optional<
  Pick<
    Op<A>,
    | 'kinds'
    | 'source'
    | 'reference'
    | 'form'
    | 'gradient'
    | 'laws'
    | 'sampleAttrs'
    | 'sample'
    | 'domain'
    | 'flops'
    | 'simplify'
  >
>
/** The record of an op without attributes. */
export interface PlainRecord<R> extends Body<undefined> {
  readonly rule: R
  readonly meaning?: (...inputs: Loose[]) => AnyTensor
}
/** The record of an op whose caller's arguments become attributes: `scale(1.702)`. */
export interface FamilyRecord<R, Args extends readonly unknown[], A> extends Body<A> {
  readonly args: (...args: Args) => A
  readonly rule: R
  /** names of the signature whose sizes the attributes give */
  readonly sizes?: (attrs: A) => Sizes
  readonly meaning?: (attrs: A) => (...inputs: Loose[]) => AnyTensor
}

// The record of an op rides on the function that users call, under a key that types do not show: a function with visible
// properties would lose its type parameters in `flow`.
const record = Symbol('op')
/** The record behind an op's function. */
export const opOf = (f: unknown): Op => {
  const found = (f as { [record]?: Op } | undefined)?.[record]
  if (found === undefined) throw new TypeError('not an op: it was not made by op()')
  return found
}
/** Is this function an op? */
export const isOp = (f: unknown): boolean => typeof f === 'function' && record in f

/**
 * Makes an op. The function it gives is typed by the rule when that is a signature, by the declaration it is assigned to otherwise:
 *
 *   export const quickGelu = op('quickGelu', { rule: '...s -> ...s', meaning: x => mul(x, sigmoid(scale(1.702)(x))) })
 *   export const concat: Concat = op('concat', { args: (axis: number) => ({ axis }), rule: concatRule, … })
 */
export function op<const Sig extends string>(
  name: string,
  // a record with args is not for this overload, which tsc must know before it types the functions in it
  body: PlainRecord<Sig & CheckSig<Sig>> & { readonly args?: never },
): FnOf<Sig, Canon<{}>>
export function op<const Sig extends string, Args extends readonly unknown[], A>(
  name: string,
  body: FamilyRecord<Sig & CheckSig<Sig>, Args, A> & { readonly sizes?: never },
): (...args: Args) => FnOf<Sig, Canon<{}>>
export function op<F>(name: string, body: PlainRecord<Rule<undefined>>): F
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the caller's declaration says what the arguments are
export function op<F, A = any>(name: string, body: FamilyRecord<Rule<A> | string, any, A>): F
export function op(
  name: string,
  body: PlainRecord<unknown> | FamilyRecord<unknown, readonly unknown[], unknown>,
): unknown {
  const family = 'args' in body
  const sizes = family ? body.sizes : undefined
  const rule = typeof body.rule === 'string' ? signatureRule<unknown>(body.rule, sizes) : (body.rule as Rule)
  const { rule: _, meaning, ...rest } = body as PlainRecord<unknown>
  const made: Op = {
    kinds: 'float -> float',
    laws: {},
    ...(rest as Partial<Op>),
    name,
    rule,
    ...(meaning === undefined ? {} : { meaning: (family ? meaning : () => meaning) as NonNullable<Op['meaning']> }),
    applyTo: (attrs, inputs) => applyOp(made, attrs, inputs),
  }
  const call = family
    ? (...args: readonly unknown[]) => {
        const attrs = body.args(...args)
        return (...inputs: readonly AnyTensor[]) => asTensor(made.applyTo(attrs, inputs))
      }
    : (...inputs: readonly AnyTensor[]) => asTensor(made.applyTo(undefined, inputs))
  return Object.assign(call, { [record]: made })
}

const applyOp = (made: Op, attrs: unknown, given: readonly AnyTensor[]): Node => {
  // an optional input that is absent at the end is not an input
  const inputs = given.filter(x => (x as AnyTensor | undefined) !== undefined).map(nodeOf)
  const shapes = inputs.map(x => x.shape)
  const shape = made.rule.infer(shapes, attrs)
  if (isRefusal(shape)) throw refused(made, attrs, inputs, shape)
  const kind = outputKind(made, attrs, inputs)
  return Object.freeze({
    role: 'applied',
    op: made,
    attrs,
    inputs,
    shape: Object.freeze([...shape]),
    kind,
    labels: [],
    origin: here(),
  })
}

const outputKind = (made: Op, attrs: unknown, inputs: readonly Node[]): Kind => {
  const [left = '', right = ''] = made.kinds.split('->').map(s => s.trim())
  const wanted = left === '' ? [] : left.split(/\s*,\s*/)
  const letters = new Map<string, Kind>()
  inputs.forEach((x, k) => {
    const want = wanted[Math.min(k, wanted.length - 1)] ?? 'float'
    const meant = want.length > 1 ? want : (letters.get(want) ?? x.kind)
    letters.set(want, meant as Kind)
    if (meant === x.kind) return
    const why = `input ${k + 1} holds ${kindName[x.kind]}, should hold ${kindName[meant as Kind]}`
    throw refused(made, attrs, inputs, { why, inputs: [k] })
  })
  return right.length > 1 ? (right as Kind) : (letters.get(right) ?? 'float')
}
const kindName: Record<Kind, string> = { float: 'numbers', index: 'indices', truth: 'truth values' }

/** The sentence of a refusal, with where the inputs came from. */
const refused = (made: Op, attrs: unknown, inputs: readonly Node[], refusal: Refusal): ShapeError => {
  const rule = made.rule.sentence(attrs)
  const from = (refusal.inputs ?? inputs.map((_, k) => k)).map(k => inputs[k]).filter(n => n !== undefined)
  const origins = (refusal.inputs ?? inputs.map((_, k) => k)).map(
    k => `  input ${k + 1} is ${describeOrigin(inputs[k])}`,
  )
  const next = refusal.next === undefined ? '' : `\n  ${refusal.next}`
  const where = here().path
  const block = where === '' ? '' : ` in ${where}`
  const message = `${made.name} (${rule})${block}: ${refusal.why}${from.length > 0 ? `\n${origins.join('\n')}` : ''}${next}`
  return new ShapeError(
    made.name,
    rule,
    inputs.map(x => x.shape),
    refusal,
    message,
  )
}

/** A node for an error: what it is, its shape, its block, and the source line of the call that made it. */
export const describeOrigin = (node: Node | undefined): string => {
  if (node === undefined) return 'missing'
  const name =
    node.role === 'applied' ? node.op.name : node.role === 'constant' ? 'a constant' : `${node.role} '${node.name}'`
  const line = sourceLine(node.origin.stack.stack)
  const places = [node.labels.at(-1) ?? node.origin.path, line].filter(p => p !== undefined && p !== '')
  return `${showShape(node.shape)} from ${name}${places.length > 0 ? ` (${places.join(', ')})` : ''}`
}
/** The first frame of a stack that is not the language itself: `models/mg-llava.ts:41`. */
const sourceLine = (stack: string | undefined): string | undefined => {
  const frames = (stack ?? '').split('\n').slice(1)
  const mine = frames.find(f => !/[/\\](lib|ops)[/\\][^/\\]|node:|node_modules|<anonymous>$/.test(f)) ?? frames[0]
  const at = mine === undefined ? null : /([^/\\(\s]+[/\\][^/\\(\s]+):(\d+):\d+\)?$/.exec(mine)
  return at === null ? undefined : `${at[1]}:${at[2]}`
}
