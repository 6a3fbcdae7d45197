/** Run-time reading of shape signatures: the twin of signature.ts. It refuses with a reason; who adds op names and origins is lib/graph. */
import type { Dim, Shape } from './dim.ts'
import { add, div, divisible, isError, mul } from './dim-arithmetic.ts'
import { ShapeError, type Refusal } from './shape-error.ts'

export type Axis = string | readonly string[]
export interface Signature {
  readonly inputs: readonly (readonly Axis[])[]
  readonly output: readonly Axis[]
}
export const showShape = (s: Shape): string => `[${s.map(d => (typeof d === 'number' ? d : `'${d}'`)).join(', ')}]`
export const isRefusal = (r: Shape | Refusal): r is Refusal => !Array.isArray(r)

const readSide = (side: string): Axis[] =>
  (side.match(/\([^)]*\)|[^\s()]+/g) ?? []).map(t =>
    t.startsWith('(') ? t.slice(1, -1).split(/\s+/).filter(Boolean) : t,
  )
const signatures = new Map<string, Signature>()
/** The axes of every input and of the output. Throws a ShapeError on a text without '->', which tsc refuses too. */
export const readSignature = (text: string): Signature => {
  const known = signatures.get(text)
  if (known) return known
  const at = text.indexOf('->')
  if (at < 0) throw new ShapeError('signature', text, [], { why: `'${text}' has no '->'` })
  const read = { inputs: text.slice(0, at).split(',').map(readSide), output: readSide(text.slice(at + 2)) }
  signatures.set(text, read)
  return read
}
const isNumeral = (a: string): boolean => /^\d+$/.test(a)
const isRest = (a: Axis): boolean => typeof a === 'string' && a.startsWith('...')

/** What every name of a signature stands for on these shapes. */
export interface Bound {
  readonly sizes: ReadonlyMap<string, Dim>
  readonly rest: Shape
  readonly output: Shape
}
class Refused extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.why)
    this.refusal = refusal
  }
}

/** Solves a signature on shapes: sizes by name and the output's shape, or why it cannot be. */
export const solve = (
  text: string,
  given: Readonly<Record<string, Dim>>,
  shapes: readonly Shape[],
): Bound | { readonly refusal: Refusal } => {
  const { inputs, output } = readSignature(text)
  const refuse = (refusal: Refusal): never => {
    throw new Refused(refusal)
  }
  const sizes = new Map<string, Dim>(Object.entries(given))
  const setBy = new Map<string, number>()
  let rest: Shape | undefined
  let restBy = 0
  const look = (n: string): Dim =>
    isNumeral(n)
      ? Number(n)
      : (sizes.get(n) ?? refuse({ why: `'${n}' is not defined on the left of '${text}'`, axis: n }))
  const meet = (name: string, got: Dim, which: number): void => {
    if (!isNumeral(name) && !sizes.has(name)) {
      sizes.set(name, got)
      setBy.set(name, which)
      return
    }
    const wanted = look(name)
    if (wanted === got) return
    const first = setBy.get(name)
    const why =
      first === undefined
        ? `axis '${name}' is ${got} in input ${which + 1}, should be ${wanted}`
        : `axis '${name}' is ${wanted} in input ${first + 1} but ${got} in input ${which + 1}`
    refuse({ why, inputs: first === undefined ? [which] : [first, which], axis: name, sizes: [wanted, got] })
  }
  try {
    if (shapes.length !== inputs.length)
      refuse({ why: `takes ${inputs.length} inputs, got ${shapes.length}`, sizes: [inputs.length, shapes.length] })
    inputs.forEach((axes, k) => {
      const shape = shapes[k] as Shape
      const fixed = axes.filter(a => !isRest(a)).length
      const open = fixed < axes.length
      if (open ? shape.length < fixed : shape.length !== fixed)
        refuse({
          why: `input ${k + 1} is ${showShape(shape)}, of rank ${shape.length}, should have ${open ? 'at least ' : ''}${fixed} axes`,
          inputs: [k],
          sizes: [fixed, shape.length],
        })
      let i = 0
      for (const axis of axes) {
        if (typeof axis === 'string' && isRest(axis)) {
          const here = shape.slice(i, i + shape.length - fixed)
          i += here.length
          if (rest === undefined) {
            rest = here
            restBy = k
          } else if (here.length !== rest.length || here.some((d, j) => d !== rest?.[j]))
            refuse({
              why: `'${axis}' is ${showShape(rest)} in input ${restBy + 1} but ${showShape(here)} in input ${k + 1}`,
              inputs: [restBy, k],
              axis,
              sizes: [...rest, ...here],
            })
        } else if (typeof axis === 'string') meet(axis, shape[i++] as Dim, k)
        else splitGroup(axis, shape[i++] as Dim, k)
      }
    })
    return { sizes, rest: rest ?? [], output: output.flatMap(outputAxis) }
  } catch (e) {
    if (e instanceof Refused) return { refusal: e.refusal }
    throw e
  }

  function splitGroup(group: readonly string[], got: Dim, which: number): void {
    const unknown = group.filter(f => !isNumeral(f) && !sizes.has(f))
    if (unknown.length > 1)
      refuse({ why: `'(${group.join(' ')})': give a size to all but one of its axes`, inputs: [which] })
    const [free] = unknown
    const known = group
      .filter(f => f !== free)
      .map(look)
      .reduce(mul, 1)
    if (free === undefined) {
      if (known !== got)
        refuse({
          why: `axis '(${group.join(' ')})' is ${got} in input ${which + 1}, should be ${known}`,
          inputs: [which],
          axis: `(${group.join(' ')})`,
          sizes: [known, got],
        })
      return
    }
    const fits = divisible(got, known)
    if (isError(fits))
      refuse({ why: `axis '(${group.join(' ')})': ${fits.slice(2)}`, inputs: [which], axis: free, sizes: [got, known] })
    sizes.set(free, div(got, known))
    setBy.set(free, which)
  }
  function outputAxis(axis: Axis): readonly Dim[] {
    if (typeof axis !== 'string') return [axis.map(look).reduce(mul, 1)]
    if (isRest(axis)) return rest ?? []
    return [axis.split('+').map(look).reduce(add, 0)]
  }
}

/** The output's shape by a signature, or why there is none. */
export const applySignature = (
  text: string,
  given: Readonly<Record<string, Dim>>,
  shapes: readonly Shape[],
): Shape | Refusal => {
  const solved = solve(text, given, shapes)
  return 'refusal' in solved ? solved.refusal : solved.output
}
