/**
 * What a graph costs before it runs: FLOP, bytes moved, parameters, for every block and in total. Sizes that are named stay named, so
 * that a count is a polynomial ('1024 + 512*text') until `sizes` says what the names are.
 *
 * FLOP of an op are what its record says; else those of its meaning; else one per element it gives. Bytes are those of op-by-op
 * execution, every op reading its inputs and writing its output once: fusion moves fewer, and the count says what there is to save.
 */
import type { tree } from 'fp-ts'
import {
  asTensor,
  nodeOf,
  outputList,
  type Applied,
  type Kind,
  type Loose,
  type Node,
  type Op,
  type Outputs,
  type Source,
} from '../graph/index.ts'
import { size, type Dim, type Shape } from '../shape/index.ts'
import type { Bindings } from './bind.ts'
import { blockTree, distinct, isBlock, type Block } from './block-tree.ts'
import { alike, drawColumns, nameOfRun, runs, type Row } from './columns.ts'
import { inUnits, withUnit } from './units.ts'

export interface CountOptions {
  /** how many levels of blocks to list; all unless given */
  readonly depth?: number
  /** what named sizes are; those not given stay names in the result */
  readonly sizes?: Bindings
  /** bytes of one element, 4 unless given: 2 counts for weights and values in f16 */
  readonly elementBytes?: number
}
/** Costs of a block and all blocks inside it. A number, or an expression of named sizes. */
export interface Cost {
  /** floating-point operations; a multiplication with an addition is two */
  readonly flops: Dim
  /** bytes read and written by the ops one by one, without fusion */
  readonly bytes: Dim
  /** elements of the parameters, each parameter once */
  readonly parameters: Dim
  readonly parameterBytes: Dim
}
export interface Count extends Cost {
  /** full path; '' is the whole */
  readonly path: string
  readonly name: string
  readonly blocks: readonly Count[]
}
export interface Total extends Count {
  /** most bytes of values alive at once when ops run one by one; undefined while a size is only a name */
  readonly peakBytes: number | undefined
}

/** FLOP, bytes and parameters of some outputs, in total and by block. */
export const count = (outputs: Outputs, options: CountOptions = {}): Total => {
  const list = outputList(outputs)
  const total = counted(blockTree(list), costsBy(options), options.depth ?? Number.POSITIVE_INFINITY)
  return { ...total, peakBytes: peakBytes(list.map(nodeOf), options) }
}

/** A count as a table, a line per block: its FLOP, bytes moved and parameters. Equal neighbours share a line: '23 x 14.6 GFLOP' each. */
export const formatCount = (total: Count): string => {
  const row = (run: readonly [Count, ...Count[]]): tree.Tree<Row> => {
    const [c] = run
    const each = run.length > 1 ? `${run.length} x ` : ''
    const costs = [
      withUnit(c.flops, 'FLOP'),
      withUnit(c.bytes, 'B'),
      inUnits(c.parameters),
      withUnit(c.parameterBytes, 'B'),
    ]
    const cells = costs.map((text, k) => (k > 1 && c.parameters === 0 ? '' : each + text))
    return {
      value: { name: c.name === '' ? 'model' : nameOfRun(run), cells },
      forest: runs(c.blocks, equalCosts).map(row),
    }
  }
  const peak = 'peakBytes' in total && typeof total.peakBytes === 'number' ? total.peakBytes : undefined
  const last = peak === undefined ? '' : `\npeak memory of values, op by op: ${withUnit(peak, 'B')}`
  return drawColumns(['FLOP', 'moved', 'parameters', 'their bytes'], row([total]), [0, 1, 2, 3]) + last
}
const equalCosts = (a: Count, b: Count): boolean =>
  alike(a.name, b.name) &&
  a.flops === b.flops &&
  a.bytes === b.bytes &&
  a.parameters === b.parameters &&
  a.blocks.length === b.blocks.length &&
  a.blocks.every((inner, k) => equalCosts(inner, b.blocks[k] as Count))

/** Costs of every op and parameter of a graph by node, and of a block by adding up what is in it. */
export interface Costs {
  readonly ofOp: (node: Applied) => Pick<Cost, 'flops' | 'bytes'>
  readonly ofBlock: (block: Block) => Cost
  /** a shape with the sizes that are given */
  readonly shape: (shape: Shape) => Shape
}
export const costsBy = ({ sizes = {}, elementBytes = 4 }: CountOptions): Costs => {
  const flops = flopCounter()
  const ofOp = (node: Applied): Pick<Cost, 'flops' | 'bytes'> => {
    const moved = size.sum([node, ...node.inputs].map(elements))
    return { flops: substitute(flops(node), sizes), bytes: substitute(size.mul(elementBytes, moved), sizes) }
  }
  const known = new Map<Block, Cost>()
  const ofBlock = (block: Block): Cost => {
    const done = known.get(block)
    if (done !== undefined) return done
    const own = block.parameters.map(p => substitute(elements(p), sizes))
    const inner = block.items.filter(isBlock).map(ofBlock)
    const ops = block.items.filter(item => 'op' in item).map(ofOp)
    const parameters = size.sum([...own, ...inner.map(c => c.parameters)])
    const cost = {
      flops: size.sum([...ops, ...inner].map(c => c.flops)),
      bytes: size.sum([...ops, ...inner].map(c => c.bytes)),
      parameters,
      parameterBytes: size.mul(elementBytes, parameters),
    }
    known.set(block, cost)
    return cost
  }
  return { ofOp, ofBlock, shape: s => s.map(d => substitute(d, sizes)) }
}

const counted = (block: Block, costs: Costs, depth: number): Count => ({
  path: block.path,
  name: block.name,
  ...costs.ofBlock(block),
  blocks: depth === 0 ? [] : block.items.filter(isBlock).map(inner => counted(inner, costs, depth - 1)),
})

const elements = (x: { readonly shape: Shape }): Dim => size.prod(x.shape)

/** The expression with the names in `sizes` replaced by numbers; a term with another name in it keeps that name. */
const substitute = (d: Dim, sizes: Bindings): Dim => {
  if (typeof d === 'number') return d
  const factor = (f: string): Dim => {
    const names = f.match(/[A-Za-z_]\w*(?!\w|\()/g) ?? []
    return names.every(n => sizes[n] !== undefined) ? size.evalDim(f, sizes) : f
  }
  const term = (t: string): Dim => size.prod(t.split('*').map(factor))
  return size.sum(d.split(' + ').map(term))
}

/**
 * FLOP of an op. A meaning is built on stand-ins for the inputs, so that what made those is not counted again, and once for all
 * applications to the same shapes.
 */
const flopCounter = (): ((node: Applied) => Dim) => {
  const known = new Map<Op, Map<string, Dim>>()
  const counted = (node: Applied): Dim => {
    const { op, attrs, inputs, shape } = node
    if (op.flops !== undefined)
      return op.flops(
        inputs.map(i => i.shape),
        shape,
        attrs,
      )
    if (op.meaning === undefined) return elements(node)
    const meaning = op.meaning(attrs)(...inputs.map(i => asTensor<Loose>(standIn(i.shape, i.kind))))
    return size.sum(
      distinct([meaning])
        .values.filter(n => n.role === 'applied')
        .map(flops),
    )
  }
  const flops = (node: Applied): Dim => {
    const attrs = plainText(node.attrs)
    if (attrs === undefined) return counted(node)
    const key = `${attrs} ${node.inputs.map(i => `${i.kind}${JSON.stringify(i.shape)}`).join(' ')}`
    const ofOp = known.get(node.op) ?? new Map<string, Dim>()
    known.set(node.op, ofOp)
    const result = ofOp.get(key) ?? counted(node)
    ofOp.set(key, result)
    return result
  }
  return flops
}
const standIn = (shape: Shape, kind: Kind): Source =>
  Object.freeze({
    role: 'input',
    name: '',
    kind,
    shape,
    inputs: [] as const,
    labels: [],
    origin: { path: '', stack: {} },
  })
/** Attributes as text, or undefined where they hold what text cannot say. */
const plainText = (attrs: unknown): string | undefined => {
  let plain = true
  const text = JSON.stringify(attrs, (_, v: unknown) => {
    const said = typeof v === 'number' ? Number.isFinite(v) : !['function', 'symbol', 'bigint'].includes(typeof v)
    if (!said) plain = false
    return said ? v : null
  })
  return plain ? String(text) : undefined
}

/** Most bytes of values alive at once: every op in topological order, every value freed after its last use. */
const peakBytes = (outputs: readonly Node[], { sizes = {}, elementBytes = 4 }: CountOptions): number | undefined => {
  const { values, of } = distinct(outputs)
  const users = new Map<Node, number>()
  const inputsOf = (node: Node): readonly Node[] => [...new Set(node.inputs.map(i => of.get(i) as Node))]
  for (const node of [...values.flatMap(inputsOf), ...outputs.map(o => of.get(o) as Node)])
    users.set(node, (users.get(node) ?? 0) + 1)
  let alive = 0
  let peak = 0
  for (const node of values) {
    const bytes = bytesOf(node)
    if (bytes === undefined) return undefined
    alive += bytes
    peak = Math.max(peak, alive)
    for (const input of inputsOf(node)) {
      const left = (users.get(input) as number) - 1
      users.set(input, left)
      if (left === 0) alive -= bytesOf(input) as number
    }
  }
  return peak
  function bytesOf(node: Node): number | undefined {
    if (node.role === 'parameter' || node.role === 'constant') return 0
    const n = substitute(elements(node), sizes)
    return typeof n === 'number' ? n * elementBytes : undefined
  }
}
