/**
 * What adapters of whole cases share: tensors of a case as inputs and as stages to compare with, and the gradient with
 * respect to parameters, which a graph may name several times.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { either as E } from 'fp-ts'
import {
  inputOf,
  nodeOf,
  parameters,
  pullback,
  topological,
  value,
  type AnyTensor,
  type Door,
  type Loose,
  type Node,
  type SluiceError,
  type Value,
} from '../../../lib/index.ts'
import type { TensorFile } from '../../../lib/weights/tensor-file.ts'
import type { Limits, Numbers, Stage } from '../judge.ts'
import { goldenTensors, type GoldenTensor } from '../tensors.ts'

export type Tensors = ReadonlyMap<string, GoldenTensor>
export type Weights = ReadonlyMap<string, Value>
export type Outputs = Readonly<Record<string, AnyTensor>>

/** A JSON file of a case. */
export const jsonOf = <A>(...path: readonly string[]): A => JSON.parse(readFileSync(join(...path), 'utf8')) as A
export const tensorsOf = (...path: readonly string[]): Tensors => goldenTensors(join(...path))

/** The value of a result. Throws an error's message. */
export const right = <A>(result: E.Either<SluiceError, A>): A => {
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
export const opened = async <A>(door: Door<A>): Promise<A> => right(await door())

export const valueOf = ({ shape, data, dtype }: GoldenTensor): Value =>
  dtype === 'F32' ? value(shape, data as Float32Array) : value(shape, Int32Array.from(data), 'index')
/** A tensor of a case as an input of that name. */
export const inputFor = (name: string, x: GoldenTensor): Loose => inputOf(name, x.shape) as Loose

/** The numbers of a file for every parameter of a graph, by its name there. */
export const weightsFor = async (file: TensorFile, outputs: Outputs): Promise<Weights> => {
  const weights = new Map<string, Value>()
  for (const { name, shape } of parameters(outputs)) {
    const entry = file.tensors.get(name)
    if (entry === undefined) throw new Error(`${file.name} has no tensor '${name}'`)
    if (entry.shape.join() !== shape.join())
      throw new Error(`${name} is [${entry.shape.join(', ')}] in ${file.name}, the model needs [${shape.join(', ')}]`)
    weights.set(name, value(entry.shape, await opened(entry.read)))
  }
  return weights
}
/** The same from a golden file, in which every tensor is a parameter. */
export const allWeights = (file: Tensors, outputs: Outputs): Weights => {
  const names = new Set(parameters(outputs).map(({ name }) => name))
  const unused = [...file.keys()].filter(name => !names.has(name))
  if (unused.length > 0) throw new Error(`the model has no parameter ${unused.join(', ')}`)
  return new Map([...file].map(([name, x]) => [name, valueOf(x)]))
}

/**
 * Gradients by name, of inputs and of parameters, from the cotangents of outputs. One name may be many nodes; the gradient of any of
 * them is that of the name.
 */
export const gradients = (
  outputs: readonly AnyTensor[],
  cotangents: readonly AnyTensor[],
  names: readonly string[],
): Outputs => {
  const named = new Map<string, Node>()
  for (const node of topological(outputs.map(nodeOf)))
    if (node.role === 'input' || node.role === 'parameter') named.set(node.name, node)
  const nodes = names.map(name => {
    const node = named.get(name)
    if (node === undefined) throw new Error(`nothing in the graph is called '${name}'`)
    return node
  })
  const made = pullback(outputs, cotangents, nodes as readonly AnyTensor[])
  return Object.fromEntries(names.map((name, k) => [name, made[k]!]))
}

/** A tensor to compare with: whole, or samples of a large one (`name.index`, `name.value`). */
export const stageOf = (stage: string, tensors: Tensors, name: string, got: Numbers, limits: Limits): Stage => {
  const whole = tensors.get(name)
  if (whole !== undefined) return { stage, wanted: whole, got, limits }
  const [index, sampled] = [tensors.get(`${name}.index`), tensors.get(`${name}.value`)]
  if (index === undefined || sampled === undefined) throw new Error(`the case has no tensor '${name}'`)
  const data = Array.from(index.data, at => got.data[at]!)
  return { stage, wanted: sampled, got: { shape: sampled.shape, data }, limits }
}
/** Names of tensors in the order in which a case lists them, without the halves of samples. */
export const namesOf = (tensors: Tensors): readonly string[] => [
  ...new Set([...tensors.keys()].map(name => name.replace(/\.(index|value)$/, ''))),
]
/** The largest magnitude of some tensors. */
export const largest = (tensors: Tensors): number => {
  let most = 0
  for (const { data } of tensors.values()) for (const x of data) most = Math.max(most, Math.abs(x))
  return most
}
