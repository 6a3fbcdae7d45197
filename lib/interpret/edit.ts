/**
 * A model is data: values inside it are found by the names of their blocks, looked at with `tap`, and changed with `replace`. An
 * experiment is a selection and a replacement; the original graph stays as it is. (Penzai: google-deepmind/penzai, selectors.)
 *
 * A name selects by its end: 'gate' finds 'fuse_module.gate'. Where a name is not enough, a predicate sees the node, its names, its
 * block and the parameters it reads.
 */
import {
  asTensor,
  describeOrigin,
  foldNodes,
  fullLike,
  fullName,
  mapOutputs,
  nodeOf,
  outputList,
  scope,
  topological,
  withInputs,
  type AnyTensor,
  type Loose,
  type Node,
  type Outputs,
} from '../graph/index.ts'
import { ShapeError, showShape } from '../shape/index.ts'
import { distinct } from './block-tree.ts'
import { alike } from './columns.ts'

/** What a predicate may ask of a value. */
export interface Selected {
  readonly node: Node
  /** full names of the blocks that returned it, names given with `named`; of an input, parameter or state its own */
  readonly names: readonly string[]
  /** path of the block it was made in */
  readonly block: string
  /** full names of the parameters it reads without an op between */
  readonly parameters: readonly string[]
}
/** A name, or the end of one from a dot on; or a predicate. */
export type Selector = string | ((value: Selected) => boolean)
/** A tensor in the place of a value, or what to make of the old one. */
export type Replacement = AnyTensor | ((old: Loose, value: Selected) => AnyTensor)

/** The names of all values that have one, in the order of the data: what `tap` and `replace` find. */
export const labels = (outputs: Outputs): readonly string[] => [
  ...new Set(topological(outputList(outputs)).flatMap(node => node.labels)),
]

/**
 * The value of that name: a tensor to run, or to build on. The full name, or its end where only one value ends so; inputs, parameters
 * and states count. Throws TypeError with the nearest names, or with all values that are meant.
 */
export const tap = (outputs: Outputs, name: string): Loose => {
  const { of } = distinct(outputList(outputs))
  const ending = nodesOf(outputs).filter(node => namesOf(node).some(n => endsWith(n, name)))
  const exact = ending.filter(node => namesOf(node).includes(name))
  const found = exact.length > 0 ? exact : ending
  const last = found.at(-1)
  if (last === undefined) throw new TypeError(notFound('tap', outputs, name))
  const values = new Map(found.map(node => [of.get(node), node]))
  if (values.size === 1) return asTensor<Loose>(last)
  const places = [...values.values()].map(node => `  ${describeOrigin(node)}`)
  const lines = places.length > 6 ? [...places.slice(0, 5), `  … and ${places.length - 5} more`] : places
  const next = 'Say more of its name, or take all of them with tapAll.'
  throw new TypeError(`tap: '${name}' means ${values.size} values:\n${lines.join('\n')}\n  ${next}`)
}

/**
 * All selected values by name; without a selector all that have a label. A second value of the same name gets '#2'; one without a
 * name is called by its block and op.
 */
export const tapAll = (outputs: Outputs, selector?: Selector): Readonly<Record<string, Loose>> => {
  const { of } = distinct(outputList(outputs))
  const found = new Map<string, Node[]>()
  const put = (name: string, node: Node): void => {
    const nodes = found.get(name) ?? []
    if (!nodes.some(other => of.get(other) === of.get(node))) found.set(name, [...nodes, node])
  }
  for (const node of nodesOf(outputs)) {
    if (selector !== undefined && !selects(selector, node)) continue
    const names = selector === undefined ? node.labels : namesOf(node)
    const meant = typeof selector === 'string' ? names.filter(n => endsWith(n, selector)) : names
    meant.forEach(name => put(name, node))
    if (selector !== undefined && names.length === 0) put(unnamed(node), node)
  }
  const numbered = [...found].flatMap(([name, nodes]) =>
    nodes.map((node, k) => [k === 0 ? name : `${name}#${k + 1}`, asTensor<Loose>(node)] as const),
  )
  return Object.fromEntries(numbered)
}

/**
 * The same outputs with every selected value replaced; what depends on it is built again, the rest is shared, the original stays.
 *
 *   pipe(model, replace('gate', constant(1)))
 *   pipe(model, replace(v => v.names.some(n => n.endsWith('q_proj.weight')), w => add(w, lowRank(w))))
 *
 * A replacement has the shape and kind of the old value; a scalar constant takes them. Parameters it makes are named in the block of
 * the value it replaces, and it keeps the value's names. What a replacement is made of is not itself searched. Throws ShapeError for
 * another shape or kind, TypeError where nothing is selected.
 */
export const replace =
  (selector: Selector, by: Replacement) =>
  <O extends Outputs>(outputs: O): O => {
    const list = outputList(outputs)
    const chosen = new Set(nodesOf(outputs).filter(node => selects(selector, node)))
    if (chosen.size === 0) throw new TypeError(notFound('replace', outputs, selector))
    const { of } = distinct(list)
    const made = new Map<Node, Node>()
    const replaced = (node: Node, old: Node): Node => {
      const value = of.get(node) as Node
      const known = made.get(value) ?? checked(old, replacementOf(by, old))
      made.set(value, known)
      return relabelled(known, old)
    }
    const to = foldNodes<Node>(list, (node, inputs) => {
      const current = withInputs(node, inputs)
      return chosen.has(node) ? replaced(node, current) : current
    })
    return mapOutputs<AnyTensor>(outputs, x => to.get(nodeOf(x)) as Node) as O
  }

const nodesOf = (outputs: Outputs): readonly Node[] => topological(outputList(outputs))
const namesOf = (node: Node): readonly string[] =>
  node.role === 'applied' || node.role === 'constant' ? node.labels : [node.name, ...node.labels]
const unnamed = (node: Node): string =>
  [node.origin.path, node.role === 'applied' ? node.op.name : node.role].filter(p => p !== '').join('.')
const endsWith = (name: string, end: string): boolean => name === end || name.endsWith(`.${end}`)
const selected = (node: Node): Selected => ({
  node,
  names: namesOf(node),
  block: node.origin.path,
  parameters: node.inputs.flatMap(i => (i.role === 'parameter' ? [i.name] : [])),
})
const selects = (selector: Selector, node: Node): boolean =>
  typeof selector === 'string' ? namesOf(node).some(n => endsWith(n, selector)) : selector(selected(node))

const replacementOf = (by: Replacement, old: Node): Node => {
  if (typeof by !== 'function') return nodeOf(by)
  const here = fullName('')
  const path = old.origin.path.startsWith(`${here}.`) ? old.origin.path.slice(here.length + 1) : old.origin.path
  const made: Node[] = []
  // a scope that returns nothing names the parameters made in it and labels no value
  scope(path, () => void made.push(nodeOf(by(asTensor<Loose>(old), selected(old)))))()
  return made[0] as Node
}
const checked = (old: Node, made: Node): Node => {
  const scalar = made.role === 'constant' && made.shape.length === 0 && typeof made.value === 'number'
  if (scalar && (made.kind === old.kind || fitsKind(made.value as number, old)))
    return fullLike(old, made.value as number)
  const same = old.shape.length === made.shape.length && old.shape.every((d, k) => d === made.shape[k])
  if (same && old.kind === made.kind) return made
  const what = same ? [`${old.kind}s`, `${made.kind}s`] : [showShape(old.shape), showShape(made.shape)]
  const why = `the old value is ${what[0]}, its replacement ${what[1]}`
  const places = [old, made].map(node => `  ${describeOrigin(node)}`).join('\n')
  throw new ShapeError('replace', '', [old.shape, made.shape], { why }, `replace: ${why}\n${places}`)
}
const fitsKind = (n: number, { kind }: Node): boolean =>
  kind === 'float' || (kind === 'index' ? Number.isSafeInteger(n) : n === 0 || n === 1)
const relabelled = (made: Node, old: Node): Node => {
  const added = old.labels.filter(label => !made.labels.includes(label))
  return added.length === 0 ? made : Object.freeze({ ...made, labels: [...made.labels, ...added] })
}

/** That nothing is selected, with the names that are spelled most like the one asked for. */
const notFound = (door: string, outputs: Outputs, selector: Selector): string => {
  const names = [...new Set(nodesOf(outputs).flatMap(namesOf))]
  if (typeof selector !== 'string')
    return `${door}: none of the ${nodesOf(outputs).length} values of this graph satisfies the predicate`
  if (names.length === 0) return `${door}: no value is called '${selector}': nothing in this graph has a name`
  const steps = selector.split('.').length
  const distance = (name: string): number => edits(name.split('.').slice(-steps).join('.'), selector)
  const sorted = names.map(name => ({ name, distance: distance(name) })).sort((a, b) => a.distance - b.distance)
  // of names that differ in their numbers only, one
  const nearest = sorted.filter((n, k) => k === sorted.findIndex(m => alike(m.name, n.name))).slice(0, 5)
  return `${door}: no value is called '${selector}'; the nearest of ${names.length} names: ${nearest.map(n => n.name).join(', ')}`
}
/** Insertions, deletions and substitutions between two words. Levenshtein 1966. */
const edits = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, swap))
    }
    row = next
  }
  return row[b.length] as number
}
