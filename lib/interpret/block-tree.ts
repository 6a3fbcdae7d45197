/**
 * A graph read as the blocks it was built from: every op under the path of its block, in the order of the data. What describe, count
 * and drawing share. Values that differ only in their names (labels are put on copies) are one value here.
 *
 * Paths are cut at their dots, but a number stays with the word before it: vision.encoder.layers.0.mlp is vision, encoder, layers.0, mlp.
 */
import {
  nodeOf,
  topological,
  type AnyTensor,
  type Applied,
  type Node,
  type Origin,
  type Source,
} from '../graph/index.ts'

export interface Block {
  /** full path; '' is the whole */
  readonly path: string
  /** the path below the block around it */
  readonly name: string
  /** sub-blocks, ops, inputs and states, each at its first use */
  readonly items: readonly (Block | Applied | Source)[]
  /** parameters made in the block itself, not in a block inside it */
  readonly parameters: readonly Source[]
  /** what the block returned: one tensor under the key '', or a record */
  readonly outputs: Readonly<Record<string, AnyTensor>>
}
export const isBlock = (item: Block | Node): item is Block => 'items' in item

/** Every value of a graph once, inputs before users, and for every node the one that stands for it. */
export const distinct = (
  outputs: readonly AnyTensor[],
): { readonly values: readonly Node[]; readonly of: ReadonlyMap<Node, Node> } => {
  const byOrigin = new Map<Origin, Node[]>()
  const byName = new Map<string, Node>()
  const of = new Map<Node, Node>()
  const stand = (node: Node): Node => {
    if (node.role !== 'applied' && node.role !== 'constant') {
      const key = `${node.role} ${node.name}`
      if (!byName.has(key)) byName.set(key, node)
      return byName.get(key) as Node
    }
    const copies = byOrigin.get(node.origin) ?? []
    const same = copies.find(
      c => isCopy(c, node) && c.inputs.every((i, k) => of.get(i) === of.get(node.inputs[k] as Node)),
    )
    if (same === undefined) byOrigin.set(node.origin, [...copies, node])
    return same ?? node
  }
  for (const node of topological(outputs)) of.set(node, stand(node))
  return { values: [...new Set(of.values())], of }
}

const isCopy = (a: Node, b: Node): boolean =>
  a.role === 'applied' && b.role === 'applied' ? a.op === b.op && a.attrs === b.attrs : a.role === b.role

/** The steps of a path: `a.layers.0.b` is a, layers.0, b. */
export const stepsOf = (path: string): readonly string[] => (path === '' ? [] : path.split(/\.(?!\d+(?:\.|$))/))

/** A full name as it reads inside the block at this path. */
export const below = (path: string, name: string): string =>
  path !== '' && name.startsWith(`${path}.`) ? name.slice(path.length + 1) : name

interface Growing {
  readonly path: string
  readonly name: string
  readonly items: Set<Growing | Applied | Source>
  readonly parameters: Source[]
  readonly outputs: Record<string, AnyTensor>
}
const empty = (path: string, name: string): Growing => ({ path, name, items: new Set(), parameters: [], outputs: {} })

/** The tree of blocks of some outputs. Blocks that hold nothing but one other block are joined with it. */
export const blockTree = (outputs: readonly AnyTensor[]): Block => {
  const root = empty('', '')
  const blocks = new Map([['', root]])
  const blockAt = (path: string): Growing =>
    stepsOf(path).reduce((block, step) => {
      const next = block.path === '' ? step : `${block.path}.${step}`
      const inner = blocks.get(next) ?? empty(next, step)
      blocks.set(next, inner)
      // a block stands where it ends
      block.items.delete(inner)
      block.items.add(inner)
      return inner
    }, root)
  const { values, of } = distinct(outputs)
  for (const node of values) {
    if (node.role === 'parameter') blockAt(node.origin.path).parameters.push(node)
    else if (node.role === 'applied') blockAt(node.origin.path).items.add(node)
    else if (node.role !== 'constant') root.items.add(node)
  }
  findReturned([...of.keys()], blocks, outputs)
  const same = (a: AnyTensor | undefined, b: AnyTensor | undefined): boolean =>
    a === undefined || (b !== undefined && of.get(nodeOf(a)) === of.get(nodeOf(b)))
  const joined = (block: Growing): Block => {
    const items = [...block.items].map(item => ('items' in item ? joined(item) : item))
    const [only] = items
    const passes = block !== root && items.length === 1 && block.parameters.length === 0
    if (passes && only !== undefined && isBlock(only) && same(block.outputs[''], only.outputs['']))
      return { ...only, name: `${block.name}.${only.name}` }
    return { ...block, items }
  }
  return joined(root)
}

/**
 * What every block returned, of several calls the last (computed, rather than a parameter): the value labelled with its path, or the fields of a record. A field looks like
 * a value that was named inside the block, but is used outside of it.
 */
const findReturned = (
  nodes: readonly Node[],
  blocks: ReadonlyMap<string, Growing>,
  outputs: readonly AnyTensor[],
): void => {
  const users = new Map<Node, string[]>(outputs.map(x => [nodeOf(x), ['']]))
  for (const node of nodes)
    for (const input of node.inputs) users.set(input, [...(users.get(input) ?? []), node.origin.path])
  const labels = nodes.flatMap(node => node.labels.map(label => ({ node, label })))
  for (const { node, label } of labels) {
    const block = blocks.get(label)
    if (block !== undefined && (node.role === 'applied' || block.outputs[''] === undefined)) block.outputs[''] = node
  }
  for (const { node, label } of labels) {
    const dot = label.lastIndexOf('.')
    const block = blocks.get(label.slice(0, Math.max(dot, 0)))
    if (block === undefined || block.path === '' || blocks.has(label) || block.outputs[''] !== undefined) continue
    const outside = users.get(node)?.some(path => path !== block.path && !path.startsWith(`${block.path}.`))
    if (outside === true) block.outputs[label.slice(dot + 1)] = node
  }
}
