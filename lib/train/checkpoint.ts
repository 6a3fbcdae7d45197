/**
 * Where a run of training stands, as a file: parameters, what the optimizer remembers of them, how many batches are behind it, and what
 * the run is. It appears whole or not at all, so a run that ends at any moment goes on from the last one.
 */
import { platform } from '#platform'
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import { fileError, type Door, type SluiceError } from '../errors.ts'
import type { Value } from '../graph/index.ts'
import { readJson } from '../json.ts'
import { join } from '../weights/byte-source.ts'
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts'
import { floatTensor } from '../weights/tensor-file.ts'

/** What must be the same for a run to go on. */
export interface Run {
  /** batches in all */
  readonly iterations: number
  readonly seed: number
  readonly accumulate: number
}
export interface Checkpoint {
  /** batches that are behind it */
  readonly iteration: number
  readonly values: ReadonlyMap<string, Value>
}
const codec = t.type({ iteration: t.number, iterations: t.number, seed: t.number, accumulate: t.number })
const fileName = 'checkpoint.safetensors'

/** Writes a checkpoint into a run's folder, in the place of the one before. Error `write`: that one stays. */
export const saveCheckpoint = (folder: string, run: Run, { iteration, values }: Checkpoint): Door<void> => {
  const tensors = [...values].map(([name, { shape, data }]) => floatTensor(name, shape, data as Float32Array))
  return platform.write(
    join(folder, fileName),
    writeSafetensors(tensors, { run: JSON.stringify({ ...run, iteration }) }),
  )
}

/**
 * The checkpoint of a run's folder, for states of these names; undefined where there is none. Errors: `format`, `field`, and `missing
 * tensor` where it is that of another run.
 */
export const openCheckpoint =
  (folder: string, run: Run, names: readonly string[]): Door<Checkpoint | undefined> =>
  async () => {
    const files = await platform.files.within(folder).list()
    if (E.isLeft(files)) return files
    if (!files.right.includes(fileName)) return E.right(undefined)
    const file = join(folder, fileName)
    const opened = await F.pipe(platform.files.within(folder).open(fileName), TE.flatMap(readSafetensors))()
    if (E.isLeft(opened)) return opened
    const said = readJson(codec, opened.right.metadata.get('run') ?? '', file)
    if (E.isLeft(said)) return said
    const other = otherRun(file, said.right, run, names, new Set(opened.right.tensors.keys()))
    if (other !== undefined) return E.left(other)
    const values = new Map<string, Value>()
    for (const name of names) {
      const { shape, read } = opened.right.tensors.get(name)!
      const data = await read()
      if (E.isLeft(data)) return data
      values.set(name, { kind: 'float', shape, data: data.right })
    }
    return E.right({ iteration: said.right.iteration, values })
  }

const otherRun = (
  file: string,
  said: Run,
  run: Run,
  names: readonly string[],
  held: ReadonlySet<string>,
): SluiceError | undefined => {
  const next = 'Next step: give this run another folder, or remove the checkpoint'
  const key = (['iterations', 'seed', 'accumulate'] as const).find(k => said[k] !== run[k])
  if (key !== undefined)
    return fileError('field', file, `it is of a run with ${key} ${said[key]}, this one has ${run[key]}. ${next}`)
  const lacking = names.filter(name => !held.has(name))
  if (lacking.length === 0 && held.size === names.length) return undefined
  const what = lacking.length > 0 ? `lacks ${lacking.slice(0, 3).join(', ')}` : `holds other parameters`
  return fileError('missing tensor', file, `it is of a run that trains something else: it ${what}. ${next}`)
}
