/**
 * What a run fixes: the named sizes, from the shapes of the values that arrive, and with them the concrete shape of every node.
 * All symbolic obligations (`div(n,2)`, `sub(text,1)`) are checked here again.
 */
import { either as E } from 'fp-ts'
import { feedError, type FeedError, type GraphError, type SluiceError } from '../errors.ts'
import {
  countOf,
  type Feed,
  type Feeds,
  type Kind,
  type Node,
  type Numbers,
  type Source,
  type Value,
} from '../graph/index.ts'
import { showShape, size, type Dim, type Shape } from '../shape/index.ts'

/** Named sizes by name. */
export type Bindings = Readonly<Record<string, number>>
export interface Bound {
  readonly sizes: Bindings
  readonly values: ReadonlyMap<string, Value>
}

/** The number that a size is under these bindings. Throws where an obligation fails: see `boundShape` for the safe form. */
export const boundSize = (d: Dim, sizes: Bindings): number => (typeof d === 'number' ? d : size.evalDim(d, sizes))
export const boundShape = (shape: Shape, sizes: Bindings): E.Either<GraphError, readonly number[]> => {
  try {
    return E.right(shape.map(d => boundSize(d, sizes)))
  } catch (e) {
    return E.left({ kind: 'shape', message: `shape ${showShape(shape)}: ${(e as Error).message}` })
  }
}

/** Meets the inputs of a graph with the values given for them. */
export const bind = (nodes: readonly Node[], feeds: Feeds): E.Either<SluiceError, Bound> => {
  const inputs = nodes.filter((n): n is Source => n.role === 'input')
  const unknown = Object.keys(feeds).find(name => !inputs.some(i => i.name === name))
  if (unknown !== undefined) {
    const names = inputs.map(i => `'${i.name}'`).join(', ')
    return E.left(feedError(unknown, `'${unknown}' is not an input of this graph; its inputs are ${names || 'none'}`))
  }
  const sizes: Record<string, number> = {}
  const values = new Map<string, Value>()
  for (const node of inputs) {
    const feed = feeds[node.name]
    if (feed === undefined)
      return E.left(feedError(node.name, `no value for input '${node.name}' ${showShape(node.shape)}`))
    const value = asValue(node, feed, sizes)
    if ('message' in value) return E.left(value)
    for (const [axis, d] of node.shape.entries()) {
      const got = value.shape[axis] as number
      const wanted = typeof d === 'number' ? d : (sizes[d] ??= got)
      if (wanted !== got)
        return E.left(
          feedError(
            node.name,
            `input '${node.name}' ${showShape(node.shape)}: axis ${axis} ('${d}') is ${got}, should be ${wanted}`,
          ),
        )
    }
    values.set(node.name, value)
  }
  return E.map(() => ({ sizes, values }))(keeps(nodes, sizes))
}
/** Do these sizes keep what the shapes of some nodes ask of them? Error `shape` with the first that they do not. */
export const keeps = (nodes: readonly Node[], sizes: Bindings): E.Either<GraphError, void> => {
  for (const node of nodes) {
    const shape = boundShape(node.shape, sizes)
    if (E.isLeft(shape)) return shape
  }
  return E.right(undefined)
}

const isValue = (f: Feed): f is Value => typeof f === 'object' && 'shape' in f
const asValue = (node: Source, feed: Feed, sizes: Bindings): Value | FeedError => {
  const fail = (why: string): FeedError => feedError(node.name, `input '${node.name}' ${showShape(node.shape)}: ${why}`)
  if (isValue(feed)) {
    if (feed.kind !== node.kind) return fail(`holds ${feed.kind} values, should hold ${node.kind}`)
    if (feed.shape.length !== node.shape.length)
      return fail(`got [${feed.shape.join(', ')}], of rank ${feed.shape.length}`)
    if (feed.data.length !== countOf(feed.shape))
      return fail(`${feed.data.length} numbers do not fill [${feed.shape.join(', ')}]`)
    return feed
  }
  const data = toNumbers(feed, node.kind)
  const open = node.shape.filter(d => typeof d === 'string' && sizes[d] === undefined)
  if (new Set(open).size > 1)
    return fail(`give its shape too: ${open.join(', ')} cannot be told from ${data.length} numbers`)
  const known = node.shape.reduce<number>((n, d) => n * (typeof d === 'number' ? d : (sizes[d] ?? 1)), 1)
  const free = open.length === 0 ? 1 : Math.round((data.length / known) ** (1 / open.length))
  const shape = node.shape.map(d => (typeof d === 'number' ? d : (sizes[d] ?? free)))
  if (countOf(shape) !== data.length) return fail(`${data.length} numbers do not fill it`)
  return { kind: node.kind, shape, data }
}
const toNumbers = (feed: Exclude<Feed, Value>, kind: Kind): Numbers => {
  if (ArrayBuffer.isView(feed)) return feed as Numbers
  const list = typeof feed === 'number' ? [feed] : (feed as readonly number[])
  return kind === 'float' ? Float32Array.from(list) : Int32Array.from(list)
}
