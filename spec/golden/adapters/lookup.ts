/**
 * Ops and parts by name, looked up when a case runs: what is not written yet is reported by name, and runs as soon as it
 * is. And a part's parameters by the names of a case.
 */
import { asTensor, nodeOf, rewrite, showShape, type AnyTensor, type Loose } from '../../../lib/index.ts'
import * as ops from '../../../ops/index.ts'
import { Unsupported } from '../judge.ts'

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- attributes as a case has them; its README says what they are
export type Attributes = Readonly<Record<string, any>>
export type Inputs = Readonly<Record<string, Loose>>
export type Plain = (...inputs: readonly AnyTensor[]) => Loose
const found = (where: object, name: string, what: string): unknown => {
  const f = (where as Readonly<Record<string, unknown>>)[name]
  if (typeof f !== 'function') throw new Unsupported(`there is no ${what} '${name}' yet`)
  return f
}
/** An op without attributes. */
export const plain = (name: string): Plain => found(ops, name, 'op') as Plain
/** An op with attributes. */
export const family = (name: string): ((...args: readonly unknown[]) => Plain) => found(ops, name, 'op') as never
/** A part of a model. */
export const part = async (file: string, name: string): Promise<(...args: readonly unknown[]) => Plain> => {
  let module: object
  try {
    module = (await import(`../../../models/${file}.ts`)) as object
  } catch (error) {
    throw new Unsupported(`models/${file}.ts does not load: ${(error as Error).message}`)
  }
  return found(module, name, 'part') as never
}

/** The graph of a part with the golden's inputs in place of its parameters, by name. All must be used. */
export const withParameters = (made: AnyTensor, x: Inputs, prefix = ''): AnyTensor => {
  const used = new Set<string>()
  const root = nodeOf(made)
  const to = rewrite([root], node => {
    if (node.role !== 'parameter') return node
    const name = node.name.slice(prefix.length)
    const given = x[name]
    if (given === undefined) throw new Error(`the part has a parameter '${node.name}', the case does not`)
    if (showShape(given.shape) !== showShape(node.shape))
      throw new Error(
        `parameter '${node.name}' has shape ${showShape(node.shape)}, the case's ${showShape(given.shape)}`,
      )
    used.add(name)
    return nodeOf(given)
  })
  const unused = Object.keys(x).filter(name => name.includes('.') && !used.has(name))
  if (unused.length > 0) throw new Error(`the part has no parameter ${unused.join(', ')}`)
  return asTensor(to.get(root)!)
}
