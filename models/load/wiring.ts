/**
 * mg-llava.json: how the parts of a checkpoint folder fit. The other files say what each part is; this one which parts
 * there are, how the maps are fused, what becomes of the boxes, and how a question is put.
 */
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { readJson, type Problem } from '../../lib/json.ts'
import { templates, type TemplateName } from '../text/index.ts'
import { checked, integer, name, nullable, oneOf, optional, problem, real, whole } from './fields.ts'

export const fusionNames = [
  'none',
  'conv-gate',
  'gated-concat',
  'concat',
  'channel-concat',
  'fast-mlp',
  'patch-info-mining',
  'resampler',
] as const
export type FusionName = (typeof fusionNames)[number]
export const boxNames = ['concat', 'placed', 'none', 'f-to-b', 'b-to-f'] as const
export type BoxesName = (typeof boxNames)[number]

const fusing = {
  fusion: oneOf(fusionNames),
  resampler_heads: optional(whole),
  boxes: oneOf(boxNames),
  box_memory: optional(oneOf(['E_L', 'E_F'])),
}
/** What stands between the towers and the language model, as far as it differs from a folder's own. */
export const rewiringCodec = t.partial(fusing)
export type Rewiring = t.TypeOf<typeof rewiringCodec>
export const rewiringFields = Object.keys(fusing)

const codec = t.type({
  ...fusing,
  clip: name,
  convnext: nullable(name),
  llm: name,
  checkpoint: name,
  image_size: nullable(whole),
  low_size: whole,
  select_layer: integer,
  roi_size: nullable(whole),
  box_hidden: optional(t.readonlyArray(whole)),
  box_limit: nullable(whole),
  box_threshold: real,
  template: oneOf(Object.keys(templates) as TemplateName[]),
  max_new_tokens: optional(whole),
})
export interface Wiring extends Omit<t.TypeOf<typeof codec>, 'max_new_tokens'> {
  readonly max_new_tokens: number
}
/** As MG-LLaVA is evaluated. */
const usualAnswer = 100

/** Down-sampling of the ConvNeXt's last stage: image_size / 32 is the side of its grid. */
const highPatch = 32
/** Fusions whose map is as wide as CLIP's tokens, so that box features can be added to it. */
const keepsWidth: readonly FusionName[] = ['none', 'conv-gate', 'fast-mlp', 'patch-info-mining']

/** Fields that do not fit one another. */
export const problemsOf = (w: Wiring): Problem[] => {
  const alone = w.convnext === null
  const needed = alone ? 'null, since convnext is null' : 'the side of the ConvNeXt input'
  return [
    ...problem(alone === (w.image_size === null), 'image_size', `expected ${needed}, found ${w.image_size}`),
    ...problem(!alone || w.fusion === 'none', 'fusion', `expected none, since convnext is null, found ${w.fusion}`),
    ...problem(!alone || w.boxes === 'none', 'boxes', `expected none, since convnext is null, found ${w.boxes}`),
    ...problem(
      (w.image_size ?? 0) % highPatch === 0,
      'image_size',
      `expected a multiple of ${highPatch}, found ${w.image_size}`,
    ),
    ...problem(
      w.boxes === 'none' || w.roi_size !== null,
      'roi_size',
      `expected the bins of RoIAlign, since boxes is ${w.boxes}, found null`,
    ),
    ...problem(
      w.boxes !== 'f-to-b' || keepsWidth.includes(w.fusion),
      'boxes',
      `f-to-b needs a fused map as wide as CLIP's, which ${w.fusion} does not give`,
    ),
    ...problem(
      w.fusion !== 'resampler' || w.resampler_heads !== undefined,
      'resampler_heads',
      'expected the heads of the resampler, found nothing',
    ),
    ...problem(w.box_limit !== 50, 'box_limit', 'expected another limit: for 50 the original has no rule'),
    ...problem(
      w.box_threshold >= 0 && w.box_threshold <= 1,
      'box_threshold',
      `expected an overlap from 0 to 1, found ${w.box_threshold}`,
    ),
  ]
}

/** The wiring in the text of mg-llava.json; `format` or `field`. */
export const readWiring = (text: string, file: string): E.Either<SluiceError, Wiring> => {
  const read = readJson(codec, text, file)
  if (E.isLeft(read)) return read
  const wiring = { ...read.right, max_new_tokens: read.right.max_new_tokens ?? usualAnswer }
  return checked(file, wiring, problemsOf(wiring))
}

/** Side of the grid of high-resolution tokens. */
export const highGrid = (imageSize: number): number => imageSize / highPatch
