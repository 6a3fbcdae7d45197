/**
 * A graph as a picture: DOT for Graphviz, and SVG made of it in process. Blocks are frames down to some depth and boxes below it,
 * arrows carry shapes. Parameters stand in the box that reads them, since drawn one by one they would hide the data.
 */
import { taskEither as TE } from 'fp-ts'
import { deviceError, type Door } from '../errors.ts'
import { isTensor, nodeOf, outputList, type Node, type Outputs, type Source } from '../graph/index.ts'
import { size, type Dim } from '../shape/index.ts'
import { below, blockTree, distinct, isBlock, type Block } from './block-tree.ts'
import { inUnits, plainShape } from './units.ts'

export interface DrawingOptions {
  /** how many levels of blocks are frames with their insides; deeper ones are boxes. 1 unless given */
  readonly depth?: number
}

/** DOT text of some outputs: ops and closed blocks as boxes, opened blocks as frames, shapes on the arrows. */
export const drawing = (outputs: Outputs, { depth = 1 }: DrawingOptions = {}): string => {
  const list = outputList(outputs)
  const { values, of } = distinct(list)
  const boxes = new Map<Node, string>()
  const body = lines(blockTree(list), depth, boxes)
  const arrows = new Set<string>()
  const draw = (from: Node, to: string | undefined): void => {
    const box = boxes.get(of.get(from) as Node)
    if (box === undefined || to === undefined || box === to) return
    arrows.add(`  ${box} -> ${to} [label=${quoted(plainShape(from.shape))}]`)
  }
  for (const node of values) for (const input of node.inputs) draw(input, boxes.get(node))
  const ends = Object.entries(isTensor(outputs) ? { output: outputs } : outputs)
  const endLines = ends.map(([name], k) => `  out${k} [label=${quoted(name)} style=filled fillcolor="#eeeeee"]`)
  ends.forEach(([, x], k) => draw(nodeOf(x), `out${k}`))
  return ['digraph {', ...style, ...body, ...endLines, ...arrows, '}'].join('\n')
}

/** The same as SVG, laid out by Graphviz in this process. Left where Graphviz gives up, as it may on a very large graph. */
export const graph = (outputs: Outputs, options: DrawingOptions = {}): Door<string> =>
  TE.tryCatch(
    async () => {
      const { instance } = await import('@viz-js/viz')
      const viz = await instance()
      return viz.renderString(drawing(outputs, options), { format: 'svg' })
    },
    e =>
      deviceError(
        'limit',
        `graph: Graphviz could not lay this out (${(e as Error).message}); open fewer levels: depth`,
      ),
  )

const style = [
  // the limits bound how long Graphviz shortens arrows: hardly visible, much faster on deep graphs
  '  graph [fontname="Helvetica" fontsize=11 color="#bbbbbb" style=rounded nslimit=1 nslimit1=1]',
  '  node [fontname="Helvetica" fontsize=11 shape=box style=rounded]',
  '  edge [fontname="Helvetica" fontsize=9 color="#555555" arrowsize=0.6]',
]

/** The boxes and frames of a block's inside; notes in which box every node is. */
const lines = (block: Block, depth: number, boxes: Map<Node, string>): readonly string[] =>
  block.items.flatMap(item => {
    const name = `n${boxes.size}`
    if (!isBlock(item)) {
      boxes.set(item, name)
      const text = item.role === 'applied' ? [item.op.name, ...weights(item.origin.path, item.inputs)] : [item.name]
      return [
        `  ${name} [label=${quoted(text.join('\n'))}${item.role === 'applied' ? '' : ' style=filled fillcolor="#eeeeee"'}]`,
      ]
    }
    if (depth > 0) return frame(item, lines(item, depth - 1, boxes))
    const nodes = nodesIn(item)
    if (nodes.length === 0) return []
    nodes.forEach(node => boxes.set(node, name))
    return [`  ${name} [label=${quoted(closed(item).join('\n'))} style="rounded,filled" fillcolor="#e8f0fe"]`]
  })
const frame = (block: Block, body: readonly string[]): readonly string[] => [
  `  subgraph ${quoted(`cluster ${block.path}`)} {`,
  `  label=${quoted(block.name)}`,
  ...body.map(line => `  ${line}`),
  '  }',
]
const closed = (block: Block): readonly string[] => {
  if (!block.items.some(isBlock)) return [block.name, ...weights(block.path, block.parameters)]
  const parameters = parametersIn(block)
  return parameters === 0 ? [block.name] : [block.name, `${inUnits(parameters)} parameters`]
}
const parametersIn = (block: Block): Dim =>
  size.sum([...block.parameters.map(p => size.prod(p.shape)), ...block.items.filter(isBlock).map(parametersIn)])
const nodesIn = (block: Block): readonly Node[] => block.items.flatMap(item => (isBlock(item) ? nodesIn(item) : [item]))
const weights = (path: string, nodes: readonly Node[]): readonly string[] =>
  nodes.filter((n): n is Source => n.role === 'parameter').map(p => `${below(path, p.name)} ${plainShape(p.shape)}`)
const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
