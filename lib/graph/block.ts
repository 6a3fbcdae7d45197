/**
 * Names. Parameters get relative names (`q_proj.weight`); `scope` and `repeat` put the path in front while the graph is built, so
 * that full names are those of published checkpoints. What a scope returns is labelled with its path, to be found by tap and replace.
 *
 * The path is the one piece of state of this language: a stack that only building code sees, and only while it runs.
 */
import { ShapeError, showShape, wrongSize, type KnownShape, type Shape } from '../shape/index.ts'
import type { Init } from './initial.ts'
import {
  asTensor,
  nodeOf,
  type AnyTensor,
  type Constant,
  type Index,
  type Kind,
  type Node,
  type Origin,
  type Source,
  type Tensor,
} from './tensor.ts'

let path: readonly string[] = []
/** the path of the block being built, and a prefix put before a relative name */
export const fullName = (name: string): string => [...path, name].filter(p => p !== '').join('.')

/** Where the call that is being made stands. Its stack is a string only when someone asks. */
export const here = (): Origin => {
  const stack: { stack?: string } = {}
  Error.captureStackTrace?.(stack, here)
  return { path: path.join('.'), stack }
}

const source = (role: Source['role'], name: string, shape: Shape, kind: Kind, init?: Init): Source => {
  const wrong = shape.map(wrongSize).find(w => w !== undefined)
  if (wrong !== undefined) throw new ShapeError(role, '', [shape], { why: `'${name}' ${showShape(shape)}: ${wrong}` })
  const made = { role, name, kind, shape: Object.freeze([...shape]), inputs: [] as const, labels: [], origin: here() }
  return Object.freeze(init === undefined ? made : { ...made, init })
}

/** A value given at every run, with sizes that tsc knows: numbers, or names bound by the value that arrives. */
export const input = <const S extends Shape>(name: string, shape: KnownShape<S>): Tensor<[...S]> =>
  asTensor(source('input', name, shape as unknown as Shape, 'float'))
/** The same for indices (token ids, positions). */
export const indexInput = <const S extends Shape>(name: string, shape: KnownShape<S>): Index<[...S]> =>
  asTensor(source('input', name, shape as unknown as Shape, 'index'))
/** An input whose sizes come at run time, from a configuration say: plain `number`s are allowed and checked when the graph is built. */
export const inputOf = <const S extends Shape>(name: string, shape: S): Tensor<[...S]> =>
  asTensor(source('input', name, shape, 'float'))
/** The same for indices. */
export const indexInputOf = <const S extends Shape>(name: string, shape: S): Index<[...S]> =>
  asTensor(source('input', name, shape, 'index'))
/** A weight under the current block's name. The same full name with the same shape is the same parameter; another shape is an error. */
export const param = <const S extends Shape>(
  name: string,
  shape: S,
  init: Init = { init: 'kaiming' },
): Tensor<[...S]> => asTensor(source('parameter', fullName(name), shape, 'float', init))
/** A value that stays on the device from one run to the next; what it becomes is said by `next` of the program's outputs. */
export const state = <const S extends Shape>(name: string, shape: S, init: Init = { init: 'zeros' }): Tensor<[...S]> =>
  asTensor(source('state', fullName(name), shape, 'float', init))
/** The same for indices. */
export const indexState = <const S extends Shape>(
  name: string,
  shape: S,
  init: Init = { init: 'zeros' },
): Index<[...S]> => asTensor(source('state', fullName(name), shape, 'index', init))

const literal = (value: number | readonly number[], shape: Shape, kind: Kind): Constant =>
  Object.freeze({ role: 'constant', value, kind, shape, inputs: [] as const, labels: [], origin: here() })
/** One number in a given shape (a scalar, unless said). */
export const constant = <const S extends Shape = []>(value: number, shape?: S): Tensor<[...S]> =>
  asTensor(literal(value, shape ?? [], 'float'))
/** One whole number in a given shape. */
export const constantIndex = <const S extends Shape = []>(value: number, shape?: S): Index<[...S]> =>
  asTensor(literal(value, shape ?? [], 'index'))
/** A small table of numbers written in the program, row-major in a literal shape. */
export const table = <const S extends readonly number[]>(values: readonly number[], shape: S): Tensor<[...S]> => {
  const count = shape.reduce((a, b) => a * b, 1)
  if (count !== values.length)
    throw new ShapeError('table', '', [shape], {
      why: `${values.length} numbers do not fill ${showShape(shape)}, which holds ${count}`,
    })
  return asTensor(literal(values, shape, 'float'))
}

/** A tensor like `x` in kind and shape, all of one number. */
export const fullLike = (x: AnyTensor, value: number): Node => literal(value, x.shape, x.kind)

const within = <B>(name: string, f: () => B): B => {
  const outer = path
  path = name === '' ? path : [...path, name]
  try {
    return f()
  } finally {
    path = outer
  }
}
/** Builds as if in the block at this full path: what is derived from a node belongs where the node does. */
export const inBlock = <B>(fullPath: string, f: () => B): B => {
  const outer = path
  path = fullPath === '' ? [] : [fullPath]
  try {
    return f()
  } finally {
    path = outer
  }
}
const isTensor = (x: unknown): x is AnyTensor => typeof x === 'object' && x !== null && 'role' in x && 'shape' in x
/** The value with one more name; records of tensors get a name for every field. */
const labelled = <B>(value: B, label: string): B => {
  if (isTensor(value)) {
    const node = nodeOf(value)
    return Object.freeze({ ...node, labels: [...node.labels, label] }) as B
  }
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, labelled(v, `${label}.${k}`)])) as B
}

/** A block: parameters made inside `f` are named under `name`, and what it returns can be found by that name. */
export const scope = <A extends readonly unknown[], B>(name: string, f: (...a: A) => B): ((...a: A) => B) =>
  ((...a: A) => within(name, () => labelled(f(...a), path.join('.')))) as (...a: A) => B
/** Gives a value a name, to be found by tap and replace. */
export const named =
  (name: string) =>
  <T extends AnyTensor>(x: T): T =>
    labelled(x, fullName(name))
/** n blocks one after another, the i-th under `name.i`. `f` may take the position too. */
export const repeat =
  <A>(name: string, n: number, f: (x: A, i: number) => A) =>
  (x: A): A => {
    let y = x
    for (let i = 0; i < n; i++) y = scope(`${name}.${i}`, f)(y, i)
    return y
  }
