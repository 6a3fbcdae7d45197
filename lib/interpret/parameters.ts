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
import { distinct } from './block-tree.ts'

export interface Parameter {
  /** full name, as checkpoints have it */
  readonly name: string
  readonly shape: Shape
  readonly kind: Kind
  readonly init: Init
}
/** A state of a program and what it becomes after a run. */
export type Update = readonly [state: AnyTensor, next: AnyTensor]

/** Every parameter once, in order of first use. Throws ShapeError where one name stands for two things. */
export const parameters = (outputs: Outputs): readonly Parameter[] => listed(outputs, 'parameter')
/** Every state once, in order of first use. Throws ShapeError where one name stands for two things. */
export const states = (outputs: Outputs): readonly Parameter[] => listed(outputs, 'state')

/**
 * What every state becomes: the value that is named as the state is, such as `named('k')(updateSlice(0)(state('k', …), x, at))`. This is
 * `next` of `compile`. A state without such a value stays what it is. Throws ShapeError where two values have the name.
 */
export const updates = (outputs: Outputs): readonly Update[] => {
  const { of } = distinct(outputList(outputs))
  const states = new Map(sourcesOf([...of.keys()], 'state').map(node => [node.name, node]))
  const next = new Map<string, Node>()
  for (const node of of.keys())
    for (const name of node.labels.filter(label => states.has(label))) {
      const known = next.get(name)
      if (known !== undefined && of.get(known) !== of.get(node))
        throw clash(states.get(name)!, node, 'two next values').error
      next.set(name, node)
    }
  return [...next].map(([name, node]) => [states.get(name)!, node])
}

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

/** Right when every update is of a state, of one each, and keeps its shape and kind: what is kept between runs has one place. */
export const checkUpdates = (updates: readonly Update[]): E.Either<GraphError, undefined> => {
  const seen = new Set<string>()
  for (const [state, next] of updates) {
    const node = nodeOf(state)
    if (node.role !== 'state')
      return E.left({ kind: 'shape', message: `next: ${describeOrigin(node)} is not a state, and cannot be updated` })
    if (seen.has(node.name))
      return E.left({ kind: 'shape', message: `next: state '${node.name}' is updated twice; it becomes one value` })
    seen.add(node.name)
    const why = difference(node, next)
    if (why !== undefined) return E.left(clash(node, nodeOf(next), why))
  }
  return E.right(undefined)
}

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
