/**
 * A loaded model wired otherwise: other fusion, other use of the boxes, the same towers and language model. What a variant shares with
 * its folder by name and shape it begins with; everything else begins as a new model does.
 */
import { either as E } from 'fp-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { initialValues } from '../../lib/graph/index.ts'
import { floatTensor, type TensorEntry } from '../../lib/weights/tensor-file.ts'
import { isTrained, type Parameter } from '../../lib/index.ts'
import { checked } from './fields.ts'
import { parametersOf, type LoadedMgLlava } from './load.ts'
import { partsOf } from './parts.ts'
import { problemsOf, type Rewiring } from './wiring.ts'

export interface VariantOptions {
  /** of initial values */
  readonly seed: number
  /** blocks whose parameters are initial, whatever the folder has */
  readonly initial: readonly string[]
  /** the file that asks for the variant, and where in it: for errors */
  readonly file: string
  readonly under: string
}

/**
 * The model wired otherwise. A parameter is the folder's where the folder's model has one of this name and this shape outside the blocks
 * `initial`, else initial. Errors: `field` where the fields of the wiring do not fit one another, `shape` where the parts make no model.
 */
export const variantOf =
  (rewiring: Rewiring, { seed, initial, file, under }: VariantOptions) =>
  (model: LoadedMgLlava): E.Either<SluiceError, LoadedMgLlava> => {
    const wiring = { ...model.wiring, ...rewiring }
    const fits = checked(file, wiring, problemsOf(wiring), under)
    if (E.isLeft(fits)) return fits
    const { clip, llm } = model.parts
    const parts = partsOf(wiring, { clip, llm, convNext: 'convNext' in model.parts ? model.parts.convNext : undefined })
    const begins = (parameter: Parameter): TensorEntry => {
      const { name, init } = parameter
      const shape = parameter.shape.map(Number)
      const own = model.weights.get(name)
      const fitting = own?.shape.length === shape.length && own.shape.every((n, axis) => n === shape[axis])
      if (own !== undefined && fitting && !isTrained(initial, name)) return own
      return floatTensor(name, shape, initialValues(init, name, shape, seed))
    }
    return E.map((wanted: readonly Parameter[]): LoadedMgLlava => ({
      ...model,
      wiring,
      parts,
      weights: new Map(wanted.map(one => [one.name, begins(one)])),
    }))(parametersOf(parts, `${file}: ${under}`))
  }
