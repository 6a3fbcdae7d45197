/**
 * Which nodes get memory and which live only inside a kernel. Two moves, both substitution of expressions:
 *
 *   inline   an each-node is computed where it is read (prologue, movement, broadcasting), when that costs no more than a pass would
 *   anchor   an each-node is computed where a reduction or contraction ends (epilogue), when it reads that result element by element,
 *            or moves every element of it to one place
 *
 * Costs are counted, not guessed by name: arithmetic and loads of an expression, times how often the consumer reads it.
 */
import { axis, type Each, type Expr, type Form, type Load } from '../form/index.ts'
import { topological, type Applied, type Node } from '../graph/index.ts'
import { size, type Dim } from '../shape/index.ts'
import type { Forms } from './forms.ts'

export interface Fusion {
  readonly order: readonly Node[]
  readonly form: (node: Applied) => Form
  /** is the node computed where this consumer reads it? */
  readonly inlined: (node: Node, consumer: Node) => boolean
  /** the reduction, contraction or kernel whose result this node is computed from, in one kernel */
  readonly anchor: (node: Node) => Applied | undefined
  /** where an element of the anchor's result stands in this node */
  readonly landing: (node: Node) => (index: readonly Expr[]) => readonly Expr[]
  /** does the node get memory? */
  readonly kept: (node: Node) => boolean
  /** may kernels for few rows make it anew instead of reading it (remake.ts)? */
  readonly remade: (node: Node) => boolean
}

/** What an expression costs to evaluate once: arithmetic operations and loads. */
interface Work {
  readonly arithmetic: number
  readonly loads: number
}
const nothing: Work = { arithmetic: 0, loads: 0 }
const both = (a: Work, b: Work): Work => ({ arithmetic: a.arithmetic + b.arithmetic, loads: a.loads + b.loads })
const workOf = (x: Expr, ofLoad: (load: Expr) => Work): Work => {
  switch (x.e) {
    case 'load':
      return x.index.reduce((w, i) => both(w, workOf(i, ofLoad)), ofLoad(x))
    case 'arith':
      return both(workOf(x.a, ofLoad), workOf(x.b, ofLoad))
    case 'compare':
    case 'and':
      return both({ arithmetic: 0.25, loads: 0 }, both(workOf(x.a, ofLoad), workOf(x.b, ofLoad)))
    case 'select':
      return both(workOf(x.cond, ofLoad), both(workOf(x.yes, ofLoad), workOf(x.no, ofLoad)))
    case 'convert':
      return workOf(x.x, ofLoad)
    case 'wgsl': {
      const called = x.parts.join('').replace(/[\s()+\-*]/g, '') === '' ? 1 : 4
      return x.holes.reduce((w, h) => both(w, workOf(h, ofLoad)), { arithmetic: called, loads: 0 })
    }
    default:
      return nothing
  }
}
/** the price of one evaluation, in additions; the first load is free, since something has to be read anyway */
const price = (w: Work): number => w.arithmetic + 3 * Math.max(0, w.loads - 1)

export const outputAxes = (shape: readonly Dim[]): readonly Expr[] => shape.map((d, k) => axis(`i${k}`, d))
const sameIndex = (a: readonly Expr[], b: readonly Expr[]): boolean =>
  a.length === b.length &&
  a.every((x, k) => x === b[k] || (x.e === 'literal' && b[k]?.e === 'literal' && x.value === b[k].value))

/** A place that an each-node reads, and whether it is the element's own. */
interface Site {
  readonly node: Node
  readonly identity: boolean
}
/** What each-nodes of one likeness read, by the position of the input. */
interface Reads {
  /** the arithmetic of an element, without its loads */
  readonly arithmetic: number
  /** the input of every load in it */
  readonly loads: readonly number[]
  /** the places that it reads, and whether each is the element's own */
  readonly sites: readonly { readonly input: number; readonly identity: boolean }[]
}
const readsOf = (node: Applied, form: Each): Reads => {
  const index = outputAxes(node.shape)
  const inputs = new Map<Expr, number>()
  const sites: { input: number; identity: boolean }[] = []
  const load: Load = (k, at) => {
    const input = node.inputs[k] as Node
    const shaped = input.shape.length === node.shape.length && input.shape.every((d, j) => d === node.shape[j])
    sites.push({ input: k, identity: shaped && sameIndex(at, index) })
    const made: Expr = { e: 'load', of: input, index: at }
    inputs.set(made, k)
    return made
  }
  const loads: number[] = []
  const { arithmetic } = workOf(form.value(load, index), x => {
    loads.push(inputs.get(x) as number)
    return nothing
  })
  return { arithmetic, loads, sites }
}

const elements = (node: Node): number | undefined => {
  const n = size.prod(node.shape)
  return typeof n === 'number' ? n : undefined
}
/** how often each element of `node` is evaluated when `consumer` reads it at so many places; 1 where sizes are named */
const repetition = (node: Node, consumer: Node, sites: number): number => {
  const [own, users] = [elements(node), elements(consumer)]
  return own === undefined || users === undefined || own === 0 ? sites : Math.max(1, (users * sites) / own)
}

const maxPrice = 48
const recomputeBudget = 6

/** What one kernel may bind at most: buffers that it reads, and elements of one buffer. */
export interface Bindable {
  readonly reads: number
  readonly elements: number
}
/** Bindings that a node takes: a buffer that is too large for one takes several. */
const bindingsOf = (node: Node, { elements: most }: Bindable): number =>
  Math.max(1, Math.ceil((elements(node) ?? 0) / most))
/** Decides for the whole graph. Nodes that stand `apart` are always memory. */
export const fuse = (
  outputs: readonly Node[],
  { formOf, likeness }: Forms,
  most: Bindable,
  apart: ReadonlySet<Node> = new Set(),
): Omit<Fusion, 'remade'> => {
  const order = topological(outputs)
  const form = (node: Applied): Form => formOf(node) as Form
  const users = new Map<Node, Set<Node>>()
  for (const node of order) for (const i of node.inputs) (users.get(i) ?? users.set(i, new Set()).get(i))?.add(node)
  const isOutput = new Set(outputs)
  const numbers = new Map(order.map((n, i) => [n, i]))
  // by consumer, the nodes that are computed where it reads them
  const within = new Map<Node, Set<Node>>(order.map(n => [n, new Set()]))
  const inlined = (node: Node, consumer: Node): boolean => within.get(consumer)?.has(node) === true
  const anchors = new Map<Node, Applied>()
  const landings = new Map<Node, (index: readonly Expr[]) => readonly Expr[]>()
  const landing = (node: Node) => landings.get(node) ?? ((index: readonly Expr[]) => index)
  const works = new Map<Node, Work>()
  const likeReads = new Map<string, Reads>()
  const leaves = new Map<Node, ReadonlySet<Node>>()
  const sitesOf = new Map<Node, readonly Site[]>()

  const leavesOf = (node: Node): ReadonlySet<Node> => leaves.get(node) ?? new Set([node])
  const isEach = (node: Node): node is Applied => node.role === 'applied' && form(node).form === 'each'
  const onlyUser = (node: Node, consumer: Node): boolean =>
    !isOutput.has(node) && users.get(node)?.size === 1 && users.get(node)?.has(consumer) === true

  for (const node of order) {
    if (node.role === 'constant' && typeof node.value === 'number') {
      works.set(node, nothing)
      leaves.set(node, new Set())
      continue
    }
    if (node.role !== 'applied') continue
    const own = form(node)
    if (own.form === 'kernel') continue
    const like = own.form === 'each' ? likeness(node) : ''
    const reads = own.form === 'each' ? (likeReads.get(like) ?? readsOf(node, own)) : undefined
    if (reads !== undefined) likeReads.set(like, reads)
    const sites = (reads?.sites ?? []).map(s => ({ node: node.inputs[s.input] as Node, identity: s.identity }))
    sitesOf.set(node, sites)
    // what is too large to bind is written in parts, each of which must lie together
    const moves = own.form === 'each' && (elements(node) ?? 0) <= most.elements ? own.moves : undefined
    // the result of the last anchor that this node reads element by element and alone: it is computed there
    const candidates = sites.filter(
      r => (r.identity || moves !== undefined) && onlyUser(r.node, node) && endsInAnchor(r.node),
    )
    const chosen = candidates
      .map(r => r.node)
      .reduce<Node | undefined>(
        (best, n) => (best === undefined || (numbers.get(n) as number) > (numbers.get(best) as number) ? n : best),
        undefined,
      )
    const everyReadFits = sites.every(r => r.node !== chosen || r.identity || moves !== undefined)
    if (chosen !== undefined && everyReadFits) {
      const before = landing(chosen)
      anchors.set(node, anchors.get(chosen) ?? (chosen as Applied))
      landings.set(node, moves === undefined ? before : index => moves(before(index)))
      within.get(node)?.add(chosen)
    }
    const bound = new Set<Node>()
    for (const input of new Set(node.inputs)) {
      if (inlined(input, node)) {
        for (const leaf of leavesOf(input)) bound.add(leaf)
        continue
      }
      const places = reads === undefined ? 1 : sites.filter(r => r.node === input).length
      if (
        isConstant(input) ||
        (isEach(input) && !anchors.has(input) && worthInlining(input, node, own, places, bound))
      ) {
        within.get(node)?.add(input)
        for (const leaf of leavesOf(input)) bound.add(leaf)
      } else bound.add(input)
    }
    const joined = chosen === undefined && own.form === 'each' ? joinedBy(node) : undefined
    if (joined !== undefined && bindings([...bound, ...leavesOf(joined.anchor)]) + 1 <= most.reads) {
      const { anchor, readers } = joined
      anchors.set(node, anchors.get(anchor) ?? (anchor as Applied))
      landings.set(node, landing(anchor))
      for (const reader of readers) within.get(reader)?.add(anchor)
      bound.delete(anchor)
      for (const leaf of leavesOf(anchor)) bound.add(leaf)
    }
    leaves.set(node, bound)
    if (reads !== undefined) {
      const loaded = reads.loads.map(k => {
        const input = node.inputs[k] as Node
        return inlined(input, node) ? (works.get(input) ?? nothing) : { arithmetic: 0, loads: 1 }
      })
      works.set(node, loaded.reduce(both, { arithmetic: reads.arithmetic, loads: 0 }))
    }
  }

  /**
   * The last anchor whose result reaches nothing but this node, over several ways, all of them inside it and element by element: as in
   * x f(x), and wherever the terms of a gradient meet again.
   */
  function joinedBy(node: Applied): { readonly anchor: Node; readonly readers: readonly Node[] } | undefined {
    if (within.get(node)?.size === 0) return undefined
    // users before what they read: is all that a value reaches inside, at its own element?
    const own = new Set<Node>([node])
    const inside = new Set<Node>([node])
    for (const n of inside) for (const i of within.get(n) ?? []) inside.add(i)
    const read = [...inside].flatMap(n => n.inputs.filter(i => !inside.has(i) && !isOutput.has(i) && endsInAnchor(i)))
    if (read.length === 0) return undefined
    const isOwn = (x: Node): boolean =>
      !isOutput.has(x) &&
      [...(users.get(x) ?? [])].every(u => own.has(u) && sitesOf.get(u)?.every(s => s.node !== x || s.identity))
    const byNumber = (a: Node, b: Node): number => (numbers.get(b) as number) - (numbers.get(a) as number)
    for (const n of [...inside].sort(byNumber)) if (isOwn(n)) own.add(n)
    return read
      .filter(isOwn)
      .sort(byNumber)
      .map(anchor => ({ anchor, readers: [...(users.get(anchor) ?? [])] }))[0]
  }
  function endsInAnchor(x: Node): boolean {
    const through = anchors.get(x) ?? x
    return through.role === 'applied' && ['reduce', 'contract'].includes(form(through).form)
  }
  function bindings(read: readonly Node[]): number {
    return [...new Set(read)].reduce((sum, leaf) => sum + bindingsOf(leaf, most), 0)
  }

  function worthInlining(
    input: Applied,
    consumer: Applied,
    into: Form,
    sites: number,
    bound: ReadonlySet<Node>,
  ): boolean {
    const work = works.get(input) ?? nothing
    const cost = price(work)
    const together = bindings([...bound, ...leavesOf(input)])
    if (together + consumer.inputs.length > most.reads || cost > maxPrice || apart.has(input)) return false
    if (work.arithmetic === 0 && work.loads <= 1) return true
    // a contraction reads each element many times, and its fast kernels want plain memory
    if (into.form === 'contract') return false
    if (into.form === 'reduce') {
      const passes = into.passes.length + (into.finish.per === 'element' ? 1 : 0)
      return (
        (users.get(input)?.size === 1 || cost <= 2) &&
        cost * passes * repetition(input, consumer, 1) <= Math.max(cost, recomputeBudget) + recomputeBudget
      )
    }
    const extra = cost * (repetition(input, consumer, sites) - 1)
    return users.get(input)?.size === 1 && !isOutput.has(input) ? extra <= recomputeBudget : cost + extra <= 2
  }

  const kept = (node: Node): boolean => {
    if (isConstant(node)) return isOutput.has(node)
    if (isOutput.has(node) || node.role !== 'applied') return true
    return [...(users.get(node) ?? [])].some(u => !inlined(node, u))
  }
  return {
    order,
    form,
    inlined,
    anchor: node => anchors.get(node),
    landing,
    kept,
  }
}
const isConstant = (node: Node): boolean => node.role === 'constant' && typeof node.value === 'number'
