/**
 * Whether the tensors of a file are those a model needs: every missing tensor, wrong shape and wrong dtype is found and
 * reported together, and so is what the model does not use.
 */
import { either as E } from 'fp-ts'
import { type SluiceError, fileError } from '../errors.ts'
import { type TensorEntry, type TensorFile, isFloat, unless } from './tensor-file.ts'

/** A parameter of a model, by the name it has in the file. */
export interface WantedTensor {
  readonly name: string
  readonly shape: readonly number[]
}

export interface FittedTensors {
  /** the wanted tensors, in the order in which they were wanted */
  readonly tensors: ReadonlyMap<string, TensorEntry>
  /** names the model has no use for, in the order of the file */
  readonly unused: readonly string[]
}

/** The wanted tensors, all of real numbers; `missing tensor`, `tensor shape` or `dtype`, or several of them. */
export const fitTensors = (file: TensorFile, wanted: readonly WantedTensor[]): E.Either<SluiceError, FittedTensors> => {
  const names = new Set(wanted.map(({ name }) => name))
  const unused = [...file.tensors.keys()].filter(name => !names.has(name))
  const fitted = wanted.map(one => fitOne(file, unused, one))
  const misfits = fitted.flatMap(one => (E.isLeft(one) ? [one.left] : []))
  const tensors = fitted.flatMap(one => (E.isRight(one) ? [[one.right.name, one.right] as const] : []))
  return unless(misfits, file.name, () => ({ tensors: new Map(tensors), unused }))
}

const fitOne = (
  file: TensorFile,
  unused: readonly string[],
  wanted: WantedTensor,
): E.Either<SluiceError, TensorEntry> => {
  const { name, shape } = wanted
  const entry = file.tensors.get(name)
  const needs = `needs [${shape.join(', ')}]`
  if (entry === undefined)
    return E.left(fileError('missing tensor', file.name, `${name} ${needs}, but is missing${nearest(name, unused)}`))
  if (!isFloat(entry.dtype))
    return E.left(
      fileError('dtype', entry.file, `${name} should have real numbers (F32, F16, BF16, F64), found ${entry.dtype}`),
    )
  return entry.shape.length === shape.length && entry.shape.every((n, axis) => n === shape[axis])
    ? E.right(entry)
    : E.left(fileError('tensor shape', entry.file, `${name} ${needs}, found [${entry.shape.join(', ')}]`))
}

/** The unused name that shares most of its beginning and end with the missing one, if that is most of it. */
const nearest = (name: string, unused: readonly string[]): string => {
  const shared = unused.map(other => ({ other, length: sharedEnds(name, other) / Math.max(name.length, other.length) }))
  const best = shared.reduce((a, b) => (b.length > a.length ? b : a), { other: '', length: 0.6 })
  return best.other === '' ? '' : `; nearest name: ${best.other}`
}

const sharedEnds = (a: string, b: string): number => {
  const most = Math.min(a.length, b.length)
  let start = 0
  while (start < most && a[start] === b[start]) start++
  let end = 0
  while (end < most - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++
  return start + end
}
