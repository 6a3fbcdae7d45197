/**
 * Whole models: every folder with an mg-llava.json is a case. It is loaded as a user's would be; every question goes from
 * files to ids, pixels and boxes on the host, then through the graph, whose values inside are compared stage by stage under
 * the names of the README. The expected answer is fed to the model all at once: each of its tokens must be the best after
 * those before it, which says that greedy generation gives this answer and no other.
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { indexInput, inputOf, parameters, tap, value, type AnyTensor, type Value } from '../../../lib/index.ts'
import { nodeFolder } from '../../../lib/node/files.ts'
import { decodePicture } from '../../../lib/node/pictures.ts'
import { keepAll, perCategory, placeBoxes, readBoxes, readVideoBoxes } from '../../../models/boxes/index.ts'
import { load, type LoadedMgLlava } from '../../../models/load/load.ts'
import { look, read, splice } from '../../../models/mg-llava.ts'
import { exact, mgPicture, mgVideo, type Picture } from '../../../models/pictures/index.ts'
import {
  answerOf,
  endingOf,
  markerIds,
  promptIds,
  promptText,
  readQuestions,
  templates,
  type Question,
} from '../../../models/text/index.ts'
import {
  exactly,
  firstDivergence,
  judged,
  under,
  Unsupported,
  type GoldenCase,
  type Limits,
  type Numbers,
  type Stage,
  type Verdict,
} from '../judge.ts'
import type { Machine } from '../machine.ts'
import { jsonOf, opened, right, tensorsOf, type Tensors, type Weights } from './stages.ts'

export const casesIn = (folder: string, name: string): readonly GoldenCase[] =>
  existsSync(join(folder, 'mg-llava.json')) ? [{ area: 'mg-llava', name, group: name, folder, within: [] }] : []

export const check = (cases: readonly GoldenCase[], machine: Machine): Promise<readonly Verdict[]> =>
  Promise.all(cases.map(({ folder }) => judged(() => checkFolder(folder, machine))))

const checkFolder = async (folder: string, machine: Machine): Promise<string | undefined> => {
  const model = await opened(load(nodeFolder(folder)))
  const expected = tensorsOf(folder, 'expected.safetensors')
  const { questions: texts } = jsonOf<{ readonly questions: readonly ExpectedText[] }>(folder, 'expected.json')
  const needBoxes = 'boxes' in model.parts
  const questions = right(
    readQuestions(readFileSync(join(folder, 'questions.json'), 'utf8'), 'questions.json', { needBoxes }),
  )
  for (const [i, question] of questions.entries()) {
    const wrong = await checkQuestion(folder, model, question, under(expected, `${i}/`), texts[i]!, machine)
    if (wrong !== undefined) return `question ${i}, ${wrong}`
  }
  if (under(expected, 'batch/').size > 0) throw new Unsupported('there is no batched model yet; single questions pass')
  return undefined
}

interface ExpectedText {
  readonly prompt: string
  readonly tokens: readonly string[]
  readonly generated_tokens: readonly string[]
  readonly ended_by: string
  readonly text: string
}

const checkQuestion = async (
  folder: string,
  model: LoadedMgLlava,
  question: Question,
  expected: Tensors,
  text: ExpectedText,
  machine: Machine,
): Promise<string | undefined> => {
  const prompt = asked(model, question, expected, text)
  if (typeof prompt === 'string') return prompt
  const shown = question.kind === 'text' ? undefined : await pixels(folder, model, question)
  const onHost = shown === undefined ? [] : shown.stages(expected)
  const early = firstDivergence(onHost)
  if (early !== undefined) return early
  const generated = Array.from(expected.get('generated')!.data)
  const graph = graphOf(model, shown?.frames.length ?? 0, expected)
  const continued = generated.slice(0, -1)
  const feeds = {
    ...shown?.feeds,
    before: indices(shown === undefined ? [...prompt.before, ...continued] : prompt.before),
    ...(shown === undefined ? {} : { after: indices([...prompt.after, ...continued]) }),
  }
  const got = await machine.run(graph.outputs, feeds, await weightsOf(model, graph.outputs))
  return firstDivergence(graph.stages(got)) ?? answered(model, text, generated, expected, got.logits!)
}
const indices = (ids: readonly number[]): Value => value([ids.length], Int32Array.from(ids), 'index')

const weightsOf = async (
  { weights }: LoadedMgLlava,
  outputs: Readonly<Record<string, AnyTensor>>,
): Promise<Weights> => {
  const values = new Map<string, Value>()
  for (const { name } of parameters(outputs)) {
    const entry = weights.get(name)!
    values.set(name, value(entry.shape, await opened(entry.read)))
  }
  return values
}

// ---- limits --------------------------------------------------------------------------------------------------------
/** A share of the standard deviation of what is expected; of its size, where that is one number. */
const share = ({ data }: Numbers, of = 1e-4): Limits => {
  const list = Array.from(data)
  const mean = list.reduce((a, b) => a + b, 0) / list.length
  const std = Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length)
  return { atol: of * (list.length > 1 ? std : Math.abs(mean)), rtol: 0 }
}
const stage = (expected: Tensors, name: string, got: Numbers, limits?: Limits): Stage => {
  const wanted = expected.get(name)
  if (wanted === undefined) throw new Error(`the case does not expect '${name}'`)
  return { stage: name, wanted, got, limits: limits ?? share(wanted) }
}

// ---- text ----------------------------------------------------------------------------------------------------------
interface Prompt {
  readonly before: readonly number[]
  readonly after: readonly number[]
}
/** The ids before and after the marker, or what is wrong with them. */
const asked = (
  { wiring, tokenizer }: LoadedMgLlava,
  { kind, prompt }: Question,
  expected: Tensors,
  text: ExpectedText,
): Prompt | string => {
  const template = templates[wiring.template]
  const marker = kind === 'text' ? undefined : kind === 'video' ? 'video' : 'image'
  const said = promptText(template, prompt, marker)
  if (said !== text.prompt) return `prompt: ${JSON.stringify(said)}, should be ${JSON.stringify(text.prompt)}`
  const ids = promptIds(tokenizer, template, prompt, marker)
  const wrong = firstDivergence([stage(expected, 'input_ids', { shape: [ids.length], data: ids }, exactly)])
  if (wrong !== undefined) return wrong
  const pieces = ids.map(id => (id < 0 ? `<${marker}>` : tokenizer.pieceOf(id)))
  if (JSON.stringify(pieces) !== JSON.stringify(text.tokens))
    return `tokens: ${JSON.stringify(pieces)}, should be ${JSON.stringify(text.tokens)}`
  if (marker === undefined) return { before: ids, after: [] }
  const at = ids.indexOf(markerIds[marker])
  return { before: ids.slice(0, at), after: ids.slice(at + 1) }
}

/** Every token of the answer is the best one, the answer ends where it should, and reads as it should. */
const answered = (
  { wiring, tokenizer }: LoadedMgLlava,
  text: ExpectedText,
  generated: readonly number[],
  expected: Tensors,
  logits: Value,
): string | undefined => {
  const vocabulary = logits.shape[1]!
  const first = logits.shape[0]! - generated.length
  const rows = { shape: [generated.length, vocabulary], data: logits.data.subarray(first * vocabulary) }
  const wrong = firstDivergence([stage(expected, 'generated_logits', rows)])
  if (wrong !== undefined) return wrong
  const best = generated.map((_, k) => {
    const row = rows.data.subarray(k * vocabulary, (k + 1) * vocabulary)
    return row.indexOf(Math.max(...row))
  })
  const other = firstDivergence([stage(expected, 'generated', { shape: [best.length], data: best }, exactly)])
  if (other !== undefined) return other
  const ending = endingOf(tokenizer, templates[wiring.template])
  const early = best.findIndex((_, k) => k < best.length - 1 && ending(best.slice(0, k + 1)) !== undefined)
  if (early >= 0) return `the answer ends after ${early + 1} tokens, should have ${best.length}`
  const by = ending(best) ?? (best.length === wiring.max_new_tokens ? 'limit' : 'nothing')
  if (by !== text.ended_by) return `the answer is ended by ${by}, should be by ${text.ended_by}`
  const pieces = best.map(id => tokenizer.pieceOf(id))
  if (JSON.stringify(pieces) !== JSON.stringify(text.generated_tokens))
    return `generated tokens: ${JSON.stringify(pieces)}, should be ${JSON.stringify(text.generated_tokens)}`
  const answer = answerOf(tokenizer, best)
  return answer === text.text ? undefined : `text: ${JSON.stringify(answer)}, should be ${JSON.stringify(text.text)}`
}

// ---- pictures and boxes --------------------------------------------------------------------------------------------
interface Pixels {
  /** boxes of each frame; a picture is one frame */
  readonly frames: readonly Float32Array[]
  readonly feeds: Readonly<Record<string, Value>>
  readonly stages: (expected: Tensors) => readonly Stage[]
}
const pixels = async (
  folder: string,
  { wiring, statistics }: LoadedMgLlava,
  question: Exclude<Question, { kind: 'text' }>,
): Promise<Pixels> => {
  const files = question.kind === 'video' ? question.video : [question.image]
  const pictures: Picture[] = []
  for (const file of files) pictures.push(await opened(decodePicture(readFileSync(join(folder, file)), basename(file))))
  const { image_size, low_size } = wiring
  const settings = {
    aux: image_size ?? low_size,
    low: low_size,
    mean: statistics.image_mean,
    std: statistics.image_std,
  }
  const video = question.kind === 'video'
  // the golden computes where the second resize reads in float64
  const views = video ? mgVideo(settings)(pictures) : mgPicture({ ...settings, coordinates: exact })(pictures[0]!)
  const frames = boxesOf(folder, wiring, question, pictures)
  const count = pictures.length
  const cut = (data: Float32Array, side: number, f: number): Value => {
    const size = data.length / count
    return value([3, side, side], data.subarray(f * size, (f + 1) * size))
  }
  const feeds = Object.assign(
    {},
    ...pictures.map((_, f) => ({
      [`image${f}`]: cut(views.low, low_size, f),
      ...(image_size === null ? {} : { [`detail${f}`]: cut(views.aux, image_size, f) }),
      ...(frames[f] === undefined ? {} : { [`boxes${f}`]: value([frames[f].length / 4, 4], frames[f]) }),
    })),
  ) as Pixels['feeds']
  const shape = (side: number): readonly number[] => (video ? [count, 3, side, side] : [3, side, side])
  const stages = (expected: Tensors): readonly Stage[] => [
    ...(image_size === null || !expected.has('pixel_values_aux')
      ? []
      : [
          stage(
            expected,
            'pixel_values_aux',
            { shape: shape(image_size), data: views.aux },
            share(expected.get('pixel_values_aux')!, video ? 1e-4 : 1e-6),
          ),
        ]),
    stage(expected, 'pixel_values', { shape: shape(low_size), data: views.low }),
    ...(expected.has('boxes') ? boxStages(expected, frames) : []),
  ]
  return { frames: pictures.map((_, f) => frames[f] ?? new Float32Array()), feeds, stages }
}
const boxStages = (expected: Tensors, frames: readonly Float32Array[]): readonly Stage[] => {
  const counts = frames.map(boxes => boxes.length / 4)
  const all = frames.flatMap(boxes => Array.from(boxes))
  return [
    stage(expected, 'box_counts', { shape: [counts.length], data: counts }, exactly),
    stage(expected, 'boxes', { shape: [all.length / 4, 4], data: all }, exactly),
  ]
}
/** The boxes on each frame; none where the model does not look at them. */
const boxesOf = (
  folder: string,
  { image_size, box_threshold, box_limit, boxes }: LoadedMgLlava['wiring'],
  question: Exclude<Question, { kind: 'text' }>,
  pictures: readonly Picture[],
): readonly Float32Array[] => {
  if (question.boxes === undefined || image_size === null || boxes === 'none') return []
  const text = readFileSync(join(folder, question.boxes), 'utf8')
  const found =
    question.kind === 'video'
      ? right(readVideoBoxes(text, question.boxes, pictures.length))
      : [right(readBoxes(text, question.boxes))]
  const limit = box_limit === null ? keepAll : perCategory(box_limit)
  const place = placeBoxes({ size: image_size, threshold: box_threshold, limit, pad: question.kind === 'picture' })
  return found.map((detections, f) => place(detections, pictures[f]!.width, pictures[f]!.height).boxes)
}

// ---- the graph -----------------------------------------------------------------------------------------------------
/** Stages inside a frame's part of the graph, in the order of computation. */
const perFrame = [
  /^clip\/hidden_/,
  /^E_L$/,
  /^convnext\/stage_/,
  /^E_H$/,
  /^R$/,
  /^fusion\//,
  /^E_F$/,
  /^A$/,
  /^picture$/,
  /^objects$/,
]
const labelOf = (name: string): string => {
  const [, kind, rest = ''] = /^(clip\/hidden_|convnext\/stage_|fusion\/)(.*)$/.exec(name) ?? []
  if (kind === 'clip/hidden_')
    return rest === '0' ? 'vision_model.pre_layrnorm' : `vision_model.encoder.layers.${Number(rest) - 1}`
  if (kind === 'convnext/stage_') return `visual.trunk.stages.${rest}`
  if (kind === 'fusion/') return `fuse_module.${rest}`
  return name === 'A' ? 'box_fuse_module.A' : name
}
const inOrder = (names: Iterable<string>): readonly string[] =>
  perFrame.flatMap(pattern => [...names].filter(name => pattern.test(name)).sort(byNumber))
const byNumber = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true })

interface Graph {
  readonly outputs: Readonly<Record<string, AnyTensor>>
  readonly stages: (got: Readonly<Record<string, Value>>) => readonly Stage[]
}
const graphOf = ({ parts, wiring }: LoadedMgLlava, frames: number, expected: Tensors): Graph => {
  const seen = Array.from({ length: frames }, (_, f) =>
    look(parts)({
      image: inputOf(`image${f}`, [3, parts.lowSize, parts.lowSize]),
      ...('convNext' in parts ? { detail: inputOf(`detail${f}`, [3, parts.imageSize, parts.imageSize]) } : {}),
      ...('boxes' in parts ? { boxes: inputOf(`boxes${f}`, [`boxes${f}`, 4]) } : {}),
    }),
  )
  const shown = seen.flatMap(({ picture, objects }) => (objects === undefined ? [picture] : [picture, objects]))
  const after = frames === 0 ? [] : [indexInput('after', ['after'])]
  const sequence = splice(parts)([indexInput('before', ['before']), ...shown, ...after])
  const logits = read(parts)(sequence)
  const inside = inOrder(expected.keys())
  const later = [
    'sequence',
    ...[...expected.keys()].filter(name => /^llm\/layer_/.test(name)).sort(byNumber),
    'llm/norm',
  ]
  const valueNamed = (f: number, name: string): AnyTensor => {
    const { picture, objects, towers } = seen[f]!
    const frame = Object.fromEntries([picture, objects, ...towers].flatMap((x, k) => (x === undefined ? [] : [[k, x]])))
    // without a second tower the fused map is the first one's
    return tap(frame, name === 'E_F' && !('convNext' in parts) ? 'E_L' : labelOf(name))
  }
  const insideLlm = (name: string): AnyTensor => {
    if (name === 'sequence') return sequence
    const layer = /^llm\/layer_(\d+)$/.exec(name)?.[1]
    return tap(logits, layer === undefined ? 'llm.model.norm' : `llm.model.layers.${layer}`)
  }
  const outputs = Object.fromEntries([
    ...inside.flatMap(name => seen.map((_, f) => [`${name} of frame ${f}`, valueNamed(f, name)] as const)),
    ...later.map(name => [name, insideLlm(name)] as const),
    ['logits', logits] as const,
  ])
  const stages = (got: Readonly<Record<string, Value>>): readonly Stage[] => [
    ...inside.map(name => {
      const values = seen.map((_, f) => got[`${name} of frame ${f}`]!)
      const boxWise = name === 'R' || name === 'objects' || (name === 'A' && wiring.boxes === 'b-to-f')
      return stage(expected, name, joined(values, boxWise, expected.get(name)!.shape.length))
    }),
    ...[...later, 'logits'].map(name => stage(expected, name, firstRows(got[name]!, expected.get(name)!.shape[0]!))),
  ]
  return { outputs, stages }
}
/** Values of all frames: one after the other where they are one for each box, under a new axis where a video has frames. */
const joined = (values: readonly Value[], boxWise: boolean, rank: number): Numbers => {
  const data = values.flatMap(({ data: one }) => Array.from(one))
  const [first, ...rest] = values[0]!.shape
  if (boxWise) return { shape: [values.reduce((n, { shape }) => n + shape[0]!, 0), ...rest], data }
  return { shape: rank > values[0]!.shape.length ? [values.length, first!, ...rest] : values[0]!.shape, data }
}
/** The rows of the question itself, without those of the answer. */
const firstRows = ({ shape, data }: Value, rows: number): Numbers => ({
  shape: [rows, ...shape.slice(1)],
  data: data.subarray(0, rows * shape[1]!),
})
