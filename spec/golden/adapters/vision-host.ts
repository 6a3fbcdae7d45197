/**
 * Vision goldens that are computed on the host: pictures from decoded pixels to what the towers read, bit for bit where the
 * README says so, and boxes on their way from a file to the model's input, every number.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodePicture } from '../../../lib/node/pictures.ts'
import {
  batchedNms,
  crowded,
  isCrowded,
  keepAll,
  noPictureBoxes,
  perCategory,
  perImage,
  placeBoxes,
  placeBoxesSqueezed,
  readBoxes,
  scaleBoxes,
  shiftBoxes,
  takeBoxes,
  type BoxLimit,
} from '../../../models/boxes/index.ts'
import {
  centerCrop,
  clipMean,
  clipPicture,
  meanColour,
  mgPicture,
  owlv2Picture,
  owlv2Resized,
  padToSquare,
  ramPicture,
  resizePil,
  shortestEdge,
  type Picture,
} from '../../../models/pictures/index.ts'
import { exactly, firstDivergence, Unsupported, type Limits, type Stage } from '../judge.ts'
import { jsonOf, opened, right, stageOf, tensorsOf } from './stages.ts'

const within = (atol: number): Limits => ({ atol, rtol: 0 })

// ---- pictures ------------------------------------------------------------------------------------------------------
interface PictureCase {
  readonly file: string
  readonly width: number
  readonly height: number
  readonly rgb_sha256: string
  readonly pipelines: Readonly<Record<string, Pipeline>>
  readonly tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly sha256: string }>>
}
interface Pipeline {
  readonly pipeline: string
  readonly aux: number
  readonly low: number
  /** whether to pad; of owlv2 the value of the padding */
  readonly pad?: boolean | number
  readonly shortest_edge: number
  readonly crop: number
  readonly size: number
}
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const preprocessCase = async (folder: string): Promise<string | undefined> => {
  const golden = jsonOf<PictureCase>(folder, 'case.json')
  const tensors = tensorsOf(folder, 'outputs.safetensors')
  const rgb: Picture = { width: golden.width, height: golden.height, data: tensors.get('rgb')!.data as Uint8Array }
  const decoded = await opened(decodePicture(readFileSync(join(folder, golden.file)), golden.file))
  const wrong = decoding(golden, rgb, decoded)
  if (wrong !== undefined) return `decoding ${golden.file}: ${wrong}`
  const missing: string[] = []
  for (const [tag, settings] of Object.entries(golden.pipelines)) {
    const check = pipelines[settings.pipeline]
    const failure = check?.(rgb, settings, {
      picture: (name, picture) => {
        const { shape, sha256: hash } = golden.tensors[`${tag}.${name}`]!
        const found = [picture.height, picture.width, 3]
        if (found.join() !== shape.join())
          return `${tag}.${name} is [${found.join(', ')}], should be [${shape.join(', ')}]`
        return sha256(picture.data) === hash ? undefined : `${tag}.${name} has other bytes`
      },
      floats: (name, data, limits) => {
        const stage = `${tag}.${name}`
        return firstDivergence([stageOf(stage, tensors, stage, { shape: golden.tensors[stage]!.shape, data }, limits)])
      },
    })
    if (failure !== undefined) return failure
    if (check === undefined) missing.push(tag)
  }
  if (missing.length > 0) throw new Unsupported(`there is no pipeline ${missing.join(', ')} yet; the others pass`)
  return undefined
}
/** PNG exactly; JPEG decoders differ in chroma upsampling, by 3 levels in the mean at most. */
const decoding = (golden: PictureCase, rgb: Picture, decoded: Picture): string | undefined => {
  const size = [decoded.width, decoded.height]
  if (size.join() !== [golden.width, golden.height].join())
    return `it is ${size.join(' × ')}, should be ${golden.width} × ${golden.height}`
  if (golden.file.endsWith('.png'))
    return sha256(decoded.data) === golden.rgb_sha256 ? undefined : 'other pixels than expected'
  const apart = decoded.data.reduce((sum, x, i) => sum + Math.abs(x - rgb.data[i]!), 0) / rgb.data.length
  return apart <= 3 ? undefined : `pixels are ${apart} levels apart in the mean, at most 3 are allowed`
}

interface Expecting {
  readonly picture: (name: string, picture: Picture) => string | undefined
  readonly floats: (name: string, data: Float32Array, limits: Limits) => string | undefined
}
type Check = (rgb: Picture, settings: Pipeline, expecting: Expecting) => string | undefined
const pipelines: Readonly<Record<string, Check>> = {
  mg: (rgb, { aux, low, pad: padding }, { picture, floats }) => {
    const pad = padding !== false
    const padded = padToSquare(rgb, meanColour(clipMean))
    const { width, height } = shortestEdge(rgb.width, rgb.height, aux)
    const resized = pad
      ? resizePil(padded, aux, aux, 'bicubic')
      : centerCrop(resizePil(rgb, width, height, 'bicubic'), aux)
    const views = mgPicture({ aux, low, pad })(rgb)
    return (
      (pad ? picture('padded', padded) : undefined) ??
      picture('resized', resized) ??
      floats('pixel_values_aux', views.aux, within(3e-7)) ??
      floats('pixel_values', views.low, within(2e-6))
    )
  },
  clip: (rgb, { shortest_edge, crop }, { picture, floats }) => {
    const { width, height } = shortestEdge(rgb.width, rgb.height, shortest_edge)
    const resized = resizePil(rgb, width, height, 'bicubic')
    return (
      picture('resized', resized) ??
      picture('cropped', centerCrop(resized, crop)) ??
      floats('pixel_values', clipPicture({ shortestEdge: shortest_edge, crop })(rgb), within(3e-7))
    )
  },
  ram: (rgb, { size }, { picture, floats }) =>
    picture('resized', resizePil(rgb, size, size, 'bilinear')) ??
    floats('pixel_values', ramPicture({ size })(rgb), within(2e-6)),
  owlv2: (rgb, { size, pad }, { floats }) => {
    const settings = pad === undefined ? { size } : { size, pad: Number(pad) }
    return (
      floats('resized', owlv2Resized(settings)(rgb), within(2e-6)) ??
      floats('pixel_values', owlv2Picture(settings)(rgb), within(2e-6))
    )
  },
}

// ---- boxes ---------------------------------------------------------------------------------------------------------
type Boxes = readonly (readonly number[])[]
interface BoxCase {
  readonly id: string | number
  readonly width: number
  readonly height: number
  readonly path: string
  readonly pad: boolean
  readonly encoder: string
  readonly aux: number
  readonly iou_threshold: number
  readonly limit_mode: string
  readonly limit_num: number | null
  readonly text_length: number
  readonly max_length: number
  readonly text_only?: boolean
  readonly expect: {
    readonly boxes: Boxes
    readonly labels: readonly (string | number)[]
    readonly after_pad: Boxes
    readonly after_nms: { readonly boxes: Boxes; readonly labels: readonly string[] }
    readonly after_limit: Boxes
    readonly after_scale: { readonly boxes: Boxes; readonly height: number; readonly width: number }
  }
}
const limitOf = ({ path, limit_mode, limit_num, text_length, max_length }: BoxCase): BoxLimit => {
  const mode = limit_mode === 'per_image' ? 'perImage' : 'perCategory'
  if (path === 'train' && isCrowded(text_length, max_length)) return crowded[mode]
  return limit_num === null ? keepAll : { perImage, perCategory }[mode](limit_num)
}
const same = (stage: string, got: unknown, wanted: unknown): string | undefined =>
  JSON.stringify(got) === JSON.stringify(wanted)
    ? undefined
    : `${stage}: ${JSON.stringify(got)}, should be ${JSON.stringify(wanted)}`
const boxesStage = (stage: string, got: ArrayLike<number>, wanted: Boxes, limits: Limits): Stage => ({
  stage,
  wanted: { shape: [wanted.length, 4], data: wanted.flat() },
  got: { shape: [got.length / 4, 4], data: got },
  limits,
})

export const boxesCase = async (folder: string): Promise<string | undefined> => {
  const golden = jsonOf<BoxCase>(folder, 'case.json')
  const { width, height, aux, pad, iou_threshold: threshold, expect: wanted, encoder } = golden
  if (golden.text_only === true)
    return same('a sample without a picture', noPictureBoxes, { boxes: wanted.boxes[0], labels: wanted.labels })
  const detections = right(readBoxes(readFileSync(join(folder, 'boxes.json'), 'utf8'), 'boxes.json', golden.id))
  const { scores, labels } = detections
  const limit = limitOf(golden)
  const shifted = pad ? shiftBoxes(detections.boxes, width, height) : Float32Array.from(detections.boxes.flat())
  const kept = Array.from(batchedNms(shifted, scores, labels, threshold))
  const suppressed = takeBoxes(shifted, kept)
  const settings = { size: aux, threshold, limit, pad }
  const stages = [
    boxesStage('after_pad', shifted, wanted.after_pad, exactly),
    boxesStage('after_nms', suppressed, wanted.after_nms.boxes, exactly),
  ]
  const suppressedLabels = kept.map(i => labels[i]!)
  if (encoder === 'siglip') {
    const placed = placeBoxesSqueezed(settings)(detections, width, height)
    return (
      firstDivergence([...stages, boxesStage('boxes', placed.boxes, wanted.boxes, within(1e-4))]) ??
      same('labels', placed.labels, wanted.labels)
    )
  }
  const limited = takeBoxes(shifted, limit(kept, labels))
  const side = Math.max(width, height)
  const scaled = scaleBoxes(limited, pad ? side : width, pad ? side : height, aux)
  const placed = placeBoxes(settings)(detections, width, height)
  return (
    firstDivergence([
      ...stages,
      boxesStage('after_limit', limited, wanted.after_limit, exactly),
      boxesStage('after_scale', scaled.boxes, wanted.after_scale.boxes, exactly),
      boxesStage('boxes', placed.boxes, wanted.boxes, exactly),
    ]) ??
    same('labels after_nms', suppressedLabels, wanted.after_nms.labels) ??
    same('size after_scale', [scaled.height, scaled.width], [wanted.after_scale.height, wanted.after_scale.width]) ??
    same('labels', placed.labels, wanted.labels)
  )
}
