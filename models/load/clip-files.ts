/**
 * A CLIP folder as Hugging Face publishes it: config.json of the vision tower alone or of a whole CLIP, and
 * preprocessor_config.json, whose sizes are numbers or objects (both are public).
 */
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { decodeJson, described, parseJson, type Problem } from '../../lib/json.ts'
import type { ClipConfig } from '../clip.ts'
import { checked, layerCount, oneOf, positive, problem, real, whole } from './fields.ts'
import { highGrid, type Wiring } from './wiring.ts'

const vision = t.type({
  hidden_size: whole,
  intermediate_size: whole,
  num_hidden_layers: layerCount,
  num_attention_heads: whole,
  image_size: whole,
  patch_size: whole,
  layer_norm_eps: positive,
  hidden_act: oneOf(['quick_gelu', 'gelu']),
})
/** The fields of a vision tower's configuration. */
export type ClipFile = t.TypeOf<typeof vision>
const wholeClip = t.type({ vision_config: t.UnknownRecord })

const noProblems = (): Problem[] => []
/** The vision tower's configuration; `format` or `field`. `beside` says what else is wrong with it in this folder. */
export const readClip = (
  text: string,
  file: string,
  beside: (c: ClipFile) => Problem[] = noProblems,
): E.Either<SluiceError, ClipFile> => {
  const json = parseJson(text, file)
  if (E.isLeft(json)) return json
  const nested = wholeClip.decode(json.right)
  const [value, under] = E.isRight(nested) ? [nested.right.vision_config, 'vision_config'] : [json.right, '']
  const config = decodeJson(vision, value, file, under)
  if (E.isLeft(config)) return config
  const { hidden_size, num_attention_heads } = config.right
  const problems = [
    ...problem(
      hidden_size % num_attention_heads === 0,
      'hidden_size',
      `${hidden_size} cannot be divided among num_attention_heads ${num_attention_heads}`,
    ),
    ...beside(config.right),
  ]
  return checked(file, config.right, problems, under)
}

/** What a wiring asks of the tower. */
export const clipProblems =
  ({ low_size }: Wiring) =>
  (c: ClipFile): Problem[] => [
    ...problem(
      low_size % c.patch_size === 0,
      'patch_size',
      `${c.patch_size} does not divide low_size ${low_size} of mg-llava.json`,
    ),
    ...problem(
      c.image_size === low_size,
      'image_size',
      `the position table is made for ${c.image_size}, but low_size of mg-llava.json is ${low_size}`,
    ),
  ]
/** What the tower asks of the wiring. */
export const wiringProblems = (c: ClipFile, w: Wiring): Problem[] => {
  const grid = w.low_size / c.patch_size
  const high = w.image_size === null ? grid : highGrid(w.image_size)
  const states = c.num_hidden_layers + 1
  return [
    ...problem(
      grid === high || !Number.isInteger(grid),
      'image_size',
      `${w.image_size} gives a grid of ${high} × ${high}, but low_size ${w.low_size} one of ${grid} × ${grid}; they must be equal`,
    ),
    ...problem(
      w.select_layer >= -states && w.select_layer < states,
      'select_layer',
      `expected ${-states} to ${states - 1}, since the tower has ${states} hidden states, found ${w.select_layer}`,
    ),
  ]
}

/** The tower as `clip` takes it, up to the selected hidden state. */
export const clipConfigOf = (c: ClipFile, select: number): ClipConfig<number, number> => ({
  width: c.hidden_size,
  heads: c.num_attention_heads,
  headWidth: c.hidden_size / c.num_attention_heads,
  mlpWidth: c.intermediate_size,
  layers: c.num_hidden_layers,
  select,
  patch: c.patch_size,
  eps: c.layer_norm_eps,
  activation: c.hidden_act,
})

const side = t.union([whole, t.type({ height: whole, width: whole })], 'a size, or {height, width}')
const three = (name: string, value: t.Type<number>) => t.tuple([value, value, value], name)
const preprocessor = { image_mean: three('three numbers', real), image_std: three('three numbers above 0', positive) }
/** Mean and deviation of the pictures. */
export interface PreprocessorFile {
  readonly image_mean: readonly [number, number, number]
  readonly image_std: readonly [number, number, number]
}
/** preprocessor_config.json, whose crop must be the tower's input; `format` or `field`. */
export const readPreprocessor = (
  text: string,
  file: string,
  { low_size }: Wiring,
): E.Either<SluiceError, PreprocessorFile> => {
  const json = parseJson(text, file)
  if (E.isLeft(json)) return json
  const cropped = described(`${low_size}, which is low_size of mg-llava.json`, side, size =>
    typeof size === 'number' ? size === low_size : size.height === low_size && size.width === low_size,
  )
  return decodeJson(t.type({ ...preprocessor, crop_size: cropped }), json.right, file)
}
