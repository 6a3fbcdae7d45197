/**
 * When the compiler takes two things for equal. A node is what its op, settings and shape are, and what it reads. A kernel is a small
 * graph, from the node it computes down to the nodes it reads from memory: kernels are alike if those graphs are equal but for which
 * nodes are read, as those of equal layers are. So whatever is made of a graph is made once for all that are like it.
 */
import type { Applied, Node } from '../graph/index.ts'
import { isPacking } from './contract/packing.ts'
import type { Fusion } from './fuse.ts'
import type { KernelSource } from './kernel.ts'

const numbers = new WeakMap<object, number>()
let counted = 0
const numberOf = (x: object): number => {
  const known = numbers.get(x)
  if (known !== undefined) return known
  numbers.set(x, counted)
  return counted++
}

const texts = new WeakMap<object, string>()
const isRecord = (x: object): boolean => [Object.prototype, null].includes(Object.getPrototypeOf(x) as object | null)
/** A text for a value: equal for equal numbers, strings, lists and records; of anything else, such as a function, for the same one. */
export const textOf = (x: unknown): string => {
  if (typeof x === 'string') return JSON.stringify(x)
  if (Object.is(x, -0)) return '-0'
  if ((typeof x !== 'object' && typeof x !== 'function') || x === null) return String(x)
  const known = texts.get(x)
  if (known !== undefined) return known
  const entries = (): string =>
    Object.entries(x)
      .map(([k, v]) => `${JSON.stringify(k)}:${textOf(v)}`)
      .join()
  const text = Array.isArray(x) ? `[${x.map(textOf).join()}]` : isRecord(x) ? `{${entries()}}` : `#${numberOf(x)}`
  texts.set(x, text)
  return text
}

const settings = new WeakMap<Node, string>()
/** What a node is, but for what it reads: its op, attributes and shape; the number of a constant; the name of a source. */
export const settingsOf = (node: Node): string => {
  const known = settings.get(node)
  if (known !== undefined) return known
  const shape = node.shape.join()
  const text =
    node.role === 'applied'
      ? `${numberOf(node.op)} [${shape}] ${textOf(node.attrs)}`
      : node.role === 'constant'
        ? `constant ${node.kind} [${shape}] ${textOf(node.value)}`
        : `${node.role} ${node.name}`
  settings.set(node, text)
  return text
}

/** What is known of kernels before they are made. */
export interface Plan {
  readonly fusion: Fusion
  /** all that kernels may know of a node that they read */
  readonly known: (node: Node) => string
  /** the state that a root is written over */
  readonly over: (root: Node) => Node | undefined
}
/** What one kernel computes. */
interface Structure {
  /** equal for kernels that are alike */
  readonly key: string
  /** the nodes it reads, in an order that is the same for kernels that are alike */
  readonly leaves: readonly Node[]
}
const structureOf = ({ fusion, known, over }: Plan, root: Node): Structure => {
  const inside = new Map<Node, number>()
  const leaves = new Map<Node, number>()
  const parts: string[] = []
  const leaf = (node: Node): string => {
    const number = leaves.get(node) ?? leaves.size
    if (!leaves.has(node)) {
      leaves.set(node, number)
      parts.push(known(node))
      if (fusion.remade(node)) parts.push(`made as ${visit(node)}`)
    }
    return `x${number}`
  }
  const visit = (node: Node): number => {
    const before = inside.get(node)
    if (before !== undefined) return before
    const inputs = node.inputs.map(input => (fusion.inlined(input, node) ? visit(input) : leaf(input)))
    parts.push(`${settingsOf(node)} ${inputs.join(' ')}`)
    inside.set(node, inside.size)
    return inside.size - 1
  }
  visit(root)
  const [anchor, state] = [fusion.anchor(root), over(root)]
  if (anchor !== undefined) parts.push(`from ${inside.get(anchor)}`)
  if (state !== undefined) parts.push(`over ${leaf(state)}`)
  return { key: parts.join('\n'), leaves: [...leaves.keys()] }
}

/** A kernel made for some nodes, for others: what it packs is packed from those. */
const rebound = (kernel: KernelSource, from: readonly Node[], to: readonly Node[]): KernelSource => {
  const nodes = new Map(from.map((node, k) => [node, to[k] as Node]))
  const standsFor = (node: Node): Node => {
    const known = nodes.get(node)
    if (known !== undefined) return known
    if (!isPacking(node)) throw new Error(`a kernel reads '${settingsOf(node)}', which is not among what it is made of`)
    const made = node.op.applyTo(node.attrs, node.inputs.map(standsFor))
    nodes.set(node, made)
    return made
  }
  return {
    ...kernel,
    ...(kernel.packed === undefined ? {} : { packed: kernel.packed.map(node => standsFor(node) as Applied) }),
    reads: kernel.reads.map(read => ({ ...read, node: standsFor(read.node) })),
  }
}

/** Something with the kernels of every root, made once for all that are alike. */
export const onceForAlike = <K extends { readonly sources: readonly KernelSource[] }>(
  plan: Plan,
  make: (root: Node) => K,
): ((root: Node) => K) => {
  const done = new Map<string, { readonly made: K; readonly leaves: readonly Node[] }>()
  return root => {
    const { key, leaves } = structureOf(plan, root)
    const like = done.get(key)
    if (like !== undefined)
      return { ...like.made, sources: like.made.sources.map(source => rebound(source, like.leaves, leaves)) }
    const made = make(root)
    done.set(key, { made, leaves })
    return made
  }
}
