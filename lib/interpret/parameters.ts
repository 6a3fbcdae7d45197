/**
 * The sources of a graph, each once: parameters (weights) and states under their full names. A name is a promise that two nodes are
 * the same value, so every door asks `checkParameters` first whether the promise holds.
 */
import { either as E } from 'fp-ts'
import type { GraphError } from '../errors.ts'
import {
  describeOrigin,
  nodeOf,
  outputList,
  topological,
  type AnyTensor,
  type Init,
  type Kind,
  type Node,
  type Outputs,
  type Source,
} from '../graph/index.ts'
import { ShapeError, type Shape } from '../shape/index.ts'

export interface Parameter {
  /** full name, as checkpoints have it */
  readonly name: string
  readonly shape: Shape
  readonly kind: Kind
  readonly init: Init
}
/**
 * A program that keeps values on the device between runs: what it gives, and what every state it names becomes. Keys of `next` are full
 * names of states: `{ out: logits, next: { 'layers.0.keys': longer } }`.
 */
export interface Stateful<O extends Outputs = Outputs> {
  readonly out: O
  readonly next: Readonly<Record<string, AnyTensor>>
}

/** Every parameter once, in order of first use. Throws ShapeError where one name stands for two things. */
export const parameters = (outputs: Outputs): readonly Parameter[] => listed(outputs, 'parameter')
/** Every state once, in order of first use. Throws ShapeError where one name stands for two things. */
export const states = (outputs: Outputs): readonly Parameter[] => listed(outputs, 'state')

/** A broken promise, as a value for the doors and as the error that building code throws. */
type Clash = GraphError & { readonly error: ShapeError }

/** Right when every name of an input, parameter or state means one thing in these nodes; Left names both places of the first that does not. */
export const checkParameters = (nodes: readonly Node[]): E.Either<Clash, undefined> => {
  const firsts = new Map<string, Source>()
  for (const node of nodes) {
    if (node.role === 'applied' || node.role === 'constant') continue
    const key = `${node.role} ${node.name}`
    const first = firsts.get(key)
    if (first === undefined) firsts.set(key, node)
    else {
      const why = difference(first, node) ?? differentInit(first, node)
      if (why !== undefined) return E.left(clash(first, node, why))
    }
  }
  return E.right(undefined)
}

/**
 * The states of a program that change, each with what it becomes, as `compile` takes them: `compile(out, { next: pairs })`. Left: the
 * program reads no state of that name, or its shape or kind would change.
 */
export const updates = ({ out, next }: Stateful): E.Either<GraphError, readonly Update[]> => {
  const nodes = topological([...outputList(out), ...Object.values(next)])
  const known = new Map(sourcesOf(nodes, 'state').map(s => [s.name, s]))
  const pairs: Update[] = []
  for (const [name, tensor] of Object.entries(next)) {
    const state = known.get(name)
    if (state === undefined) {
      const names = [...known.keys()].map(n => `'${n}'`).join(', ')
      return E.left({
        kind: 'shape',
        message: `next: the program reads no state '${name}'; it reads ${names || 'none'}`,
      })
    }
    const why = difference(state, tensor)
    if (why !== undefined) return E.left(clash(state, nodeOf(tensor), why))
    pairs.push([state, tensor])
  }
  return E.right(pairs)
}
type Update = readonly [state: AnyTensor, next: AnyTensor]

const zeros: Init = { init: 'zeros' }
const sourcesOf = (nodes: readonly Node[], role: Source['role']): readonly Source[] =>
  nodes.filter((n): n is Source => n.role === role)
const listed = (outputs: Outputs, role: Source['role']): readonly Parameter[] => {
  const nodes = topological(outputList(outputs))
  const checked = checkParameters(nodes)
  if (E.isLeft(checked)) throw checked.left.error
  const byName = new Map<string, Parameter>()
  for (const { name, shape, kind, init = zeros } of sourcesOf(nodes, role))
    if (!byName.has(name)) byName.set(name, { name, shape, kind, init })
  return [...byName.values()]
}

const difference = (a: AnyTensor, b: AnyTensor): string | undefined => {
  if (a.shape.length !== b.shape.length || a.shape.some((d, k) => d !== b.shape[k])) return 'two shapes'
  return a.kind === b.kind ? undefined : 'two kinds'
}
const differentInit = (a: Source, b: Source): string | undefined =>
  JSON.stringify(a.init ?? zeros) === JSON.stringify(b.init ?? zeros) ? undefined : 'two initial values'
const clash = (a: Source, b: Node, why: string): Clash => {
  const places = [a, b].map(node => `  ${describeOrigin(node)}`).join('\n')
  const next = 'Give one of them another name, or build each in a scope of its own.'
  const message = `${a.role} '${a.name}' has ${why}:\n${places}\n  ${next}`
  const error = new ShapeError(a.role, '', [a.shape, b.shape], { why: `'${a.name}' has ${why}`, next }, message)
  return { kind: 'shape', message, error }
}
