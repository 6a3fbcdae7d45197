/** What a composite is made of. */
import { nodeOf, topological, type Applied, type Loose, type Node } from '../graph/index.ts'

/** What a composite means, on its own inputs; undefined for a primitive. */
export const meaningOf = ({ op, attrs, inputs }: Applied): Node | undefined =>
  op.meaning === undefined ? undefined : nodeOf(op.meaning(attrs)(...(inputs as unknown as Loose[])))

/** The nodes that a meaning adds to its inputs, each before its users. */
export const stepsOf = (meaning: Node, inputs: readonly Node[]): readonly Node[] =>
  topological([meaning], new Set(inputs))
