/**
 * A model in words: the tree of its blocks with what each returns, its parameters, how many they are, and its FLOP. Equal neighbours
 * are shown once ("layers.0 … layers.22: 23 x"), and unless told otherwise it is as deep as a page holds.
 */
import { tree } from 'fp-ts'
import { isTensor, outputList, type Node, type Outputs, type Source } from '../graph/index.ts'
import { size, type Shape } from '../shape/index.ts'
import { below, blockTree, isBlock, type Block } from './block-tree.ts'
import { alike, drawColumns, nameOfRun, runs, type Row } from './columns.ts'
import { costsBy, type CountOptions, type Costs } from './count.ts'
import { inUnits, plainShape, withUnit } from './units.ts'

export interface DescribeOptions extends Pick<CountOptions, 'sizes'> {
  /** how many levels of blocks to open; as many as fit in 100 lines unless given */
  readonly depth?: number
}
const page = 100

/** The tree of a model: shapes, parameters, FLOP, block by block. Named sizes stay names unless `sizes` gives them. */
export const describe = (outputs: Outputs, options: DescribeOptions = {}): string => {
  const whole = blockTree(outputList(outputs))
  const returned = isTensor(outputs) ? { '': outputs } : outputs
  const print = pageOf({ ...whole, name: 'model', outputs: returned }, costsBy(options))
  if (options.depth !== undefined) return print(options.depth)
  for (let depth = levels(whole); depth > 1; depth--) {
    const text = print(depth)
    if (text.split('\n').length < page) return text
  }
  return print(1)
}

type Item = Block['items'][number]
type Leaf = Exclude<Item, Block>
/** What one line shows: one block, or so many equal ones; one op or source, or several in a row. */
type Line = { readonly blocks: readonly Block[] } | { readonly leaves: readonly Leaf[] }

const levels = (block: Block): number => Math.max(0, ...block.items.filter(isBlock).map(inner => 1 + levels(inner)))

const pageOf = (whole: Block, costs: Costs): ((depth: number) => string) => {
  const signature = signatures()
  const row = (line: Line, depth: number): tree.Tree<Row> => {
    if (!('blocks' in line)) return tree.make(leafRow(line.leaves, costs))
    const block = line.blocks[0] as Block
    const opened = depth > 0 && (block === whole || block.items.some(isBlock))
    const lines = opened ? linesOf(block, signature, block === whole) : []
    const forest = lines.map(inner => row(inner, depth - 1))
    return tree.make(blockRow(line.blocks, opened, costs), forest)
  }
  return depth =>
    drawColumns(['shape', 'parameters', 'elements', 'FLOP'], row({ blocks: [whole] }, Math.max(depth, 1)), [2, 3])
}

/** Equal neighbours share a line, ops in a row too; at the top, where there is no block to sum them up, each op has its own. */
const linesOf = (block: Block, signature: (b: Block) => number, top: boolean): readonly Line[] => {
  const together = (a: Item, b: Item): boolean =>
    isBlock(a) ? isBlock(b) && alike(a.name, b.name) && signature(a) === signature(b) : isOp(a) && isOp(b)
  return runs(block.items, together).flatMap((run): readonly Line[] => {
    const blocks = run.filter(isBlock)
    if (blocks.length > 0) return [{ blocks }]
    const leaves = run.filter(isLeaf)
    return top ? oneByOne(leaves) : [{ leaves }]
  })
}
const isLeaf = (item: Item): item is Leaf => !isBlock(item)
const isOp = (item: Item): boolean => !isBlock(item) && item.role === 'applied'
const shownOps = 24
const oneByOne = (leaves: readonly Leaf[]): readonly Line[] => {
  if (leaves.length <= shownOps) return leaves.map(leaf => ({ leaves: [leaf] }))
  const half = shownOps / 2
  const [first, middle, last] = [leaves.slice(0, half), leaves.slice(half, 1 - half), leaves.slice(1 - half)]
  return [...oneByOne(first), { leaves: middle }, ...oneByOne(last)]
}

/** A number for every block; equal for blocks that differ only in their names. */
const signatures = (): ((block: Block) => number) => {
  const numbers = new Map<string, number>()
  const known = new Map<Block, number>()
  const number = (block: Block): number => {
    const done = known.get(block)
    if (done !== undefined) return done
    const items = block.items.map(item =>
      isBlock(item) ? [item.name, number(item)] : [item.role === 'applied' ? item.op.name : item.name, item.shape],
    )
    const own = block.parameters.map(p => [below(block.path, p.name), p.shape])
    const returned = Object.entries(block.outputs).map(([k, x]) => [k, x.shape])
    const text = JSON.stringify([items, own, returned])
    const made = numbers.get(text) ?? numbers.size
    numbers.set(text, made)
    known.set(block, made)
    return made
  }
  return number
}

const blockRow = (blocks: readonly Block[], opened: boolean, costs: Costs): Row => {
  const block = blocks[0] as Block
  const { parameters, flops } = costs.ofBlock(block)
  const each = blocks.length > 1 ? `${blocks.length} x ` : ''
  const ops = block.items.filter(isLeaf)
  const weights =
    ops.length === block.items.length && !opened
      ? [...block.parameters.map(p => weight(block.path, p, costs)), ...borrowed(block, ops)]
      : []
  const cells = [
    returned(block.outputs, costs),
    listed(weights),
    parameters === 0 ? '' : `${each}${inUnits(parameters)}`,
    flops === 0 ? '' : `${each}${withUnit(flops, 'FLOP')}`,
  ]
  return { name: nameOfRun(blocks as readonly [Block, ...Block[]]), cells }
}
const leafRow = (leaves: readonly Leaf[], costs: Costs): Row => {
  const ops = leaves.filter(leaf => leaf.role === 'applied')
  const names = leaves.map(leaf => (leaf.role === 'applied' ? leaf.op.name : leaf.name))
  const flops = size.sum(ops.map(op => costs.ofOp(op).flops))
  const weights = readBy(ops).map(p => weight(ops[0]?.origin.path ?? '', p, costs))
  const [only] = leaves
  const what =
    only !== undefined && only.role !== 'applied'
      ? `${only.role}${only.kind === 'index' ? ' of indices' : ''}`
      : listed(weights)
  return {
    name: shortened(names),
    cells: [showBound(leaves.at(-1)?.shape ?? [], costs), what, '', flops === 0 ? '' : withUnit(flops, 'FLOP')],
  }
}

const shortened = (names: readonly string[]): string =>
  names.length <= 5 ? names.join(', ') : `${names.slice(0, 3).join(', ')}, … ${names.length - 4} more, ${names.at(-1)}`
const listed = (weights: readonly string[]): string =>
  weights.length <= 4 ? weights.join(', ') : `${weights.slice(0, 3).join(', ')}, … ${weights.length - 3} more`
const showBound = (shape: Shape, costs: Costs): string => plainShape(costs.shape(shape))
const returned = (outputs: Block['outputs'], costs: Costs): string => {
  const fields = Object.entries(outputs).map(([k, x]) => `${k} ${showBound(x.shape, costs)}`.trimStart())
  return '' in outputs || fields.length === 0 ? (fields[0] ?? '') : `{ ${fields.join(', ')} }`
}
const readBy = (ops: readonly Leaf[]): readonly Source[] => {
  const read = ops.flatMap(op => (op.inputs as readonly Node[]).filter((i): i is Source => i.role === 'parameter'))
  return [...new Map(read.map(p => [p.name, p])).values()]
}
/** Parameters of other blocks that this one reads: tied weights. */
const borrowed = (block: Block, ops: readonly Leaf[]): readonly string[] =>
  readBy(ops)
    .filter(p => !block.parameters.some(own => own.name === p.name))
    .map(p => `= ${p.name}`)
const weight = (path: string, { name, shape }: Source, costs: Costs): string =>
  `${below(path, name)} ${showBound(shape, costs)}`
