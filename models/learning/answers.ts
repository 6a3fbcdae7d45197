/**
 * MG-LLaVA as it learns: several texts at once, each with a picture and objects or without, to the mean surprise at the tokens of the
 * answers. Texts have any lengths, and pictures any number of boxes: those are named sizes, so that one program learns from all batches.
 */
import {
  flow,
  indexInput,
  inputOf,
  loosely,
  scope,
  topological,
  value,
  type AnyTensor,
  type Feeds,
  type Index,
  type Loose,
  type Shape,
  type Tensor,
  type Value,
} from '../../lib/index.ts'
import { argmax, concat, crossEntropy, iota, placeRows, rearrange, toTruth } from '../../ops/index.ts'
import { forAll } from '../leading.ts'
import { embed, head, transform } from '../llama.ts'
import { look, type MgLlavaParts, type SeenTokens, type Shown } from '../mg-llava.ts'
import { labelOf, placesOf, unlabelled, type LabelledIds } from './splicing.ts'

/** A text to learn from; there is a `shot` where it is about a picture, with boxes [n, 4] on its high-resolution view. */
export interface PlacedSample extends LabelledIds {
  readonly shot?: { readonly boxes?: Value }
}
/** A text to learn from, and what is seen with it: pixels of both sizes, and boxes. */
export interface Sample extends PlacedSample {
  readonly shot?: Readonly<Record<'image', Value>> & Partial<Readonly<Record<'detail' | 'boxes', Value>>>
}
export interface Learning<S = Sample> {
  /** mean over all labels of a batch that are not -100 */
  readonly loss: Tensor<[]>
  /** for every label, the likeliest id, [answers]: all of an answer's are right where greedy answering gives it */
  readonly said: Index<Shape>
  /** what both are fed for a batch of samples; a batch without any label has no loss */
  readonly feeds: (samples: readonly S[]) => Feeds
}

/** The inputs of several pictures, each with as many boxes as the most have. */
export const shownTogether = (parts: MgLlavaParts): Shown => ({
  image: inputOf('image', ['pictures', 3, parts.lowSize, parts.lowSize]),
  ...('convNext' in parts ? { detail: inputOf('detail', ['pictures', 3, parts.imageSize, parts.imageSize]) } : {}),
  ...('boxes' in parts
    ? {
        boxes: inputOf('boxes', ['pictures', 'boxes', 4]),
        known: toTruth(indexInput('known', ['pictures', 'boxes'])),
      }
    : {}),
})

const flat = (pattern: string, x: AnyTensor): Loose => loosely(rearrange)(pattern)(x)

/**
 * Scores of the tokens of answers [answers, vocabulary] about what was seen, if anything: pictures [pictures, n, width], objects
 * [pictures, boxes, width].
 */
const answersScores =
  ({ llm }: Pick<MgLlavaParts, 'llm'>) =>
  ({ picture, objects }: Partial<SeenTokens>): Loose => {
    const inLlm = <A extends readonly unknown[], B>(f: (...a: A) => B): ((...a: A) => B) => scope('llm', f)
    const places = (name: string, shape: readonly [string, ...(string | number)[]]): AnyTensor =>
      shape.length === 1 ? indexInput(name, shape as never) : flat('p n -> (p n)', indexInput(name, shape as never))
    const words = inLlm((ids: Loose) => embed(llm)(ids as never))(indexInput('words', ['words']) as never)
    const parts = [
      [words, places('wordPlaces', ['words'])],
      ...(picture === undefined
        ? []
        : [
            [
              flat('p n d -> (p n) d', picture),
              places('picturePlaces', ['pictures', Number(picture.shape.at(-2))]),
            ] as const,
          ]),
      ...(objects === undefined
        ? []
        : [[flat('p n d -> (p n) d', objects), places('objectPlaces', ['pictures', 'boxes'])] as const]),
    ] as const
    const table = loosely(concat)(0)(...parts.map(([rows]) => rows))
    const to = loosely(concat)(0)(...parts.map(([, places]) => places))
    const source = flat('r t -> (r t)', indexInput('source', ['rows', 'tokens']))
    const sequence = loosely(() => placeRows)()(table, source, to)
    const rows = loosely(rearrange)('(r t) d -> r t d', { r: 'rows', t: 'tokens' })(sequence)
    const positions = forAll(['rows'])(iota('tokens'))
    const hidden = inLlm((x: Loose) => transform(llm)(x as Tensor<Shape> as never, positions as never))(rows)
    // scores cost as much as a layer: they are computed where there is a label
    const asked = loosely(() => placeRows)()(
      flat('r t d -> (r t) d', hidden as Loose),
      indexInput('asked', ['answers']),
      flat('r t -> (r t)', indexInput('askedPlaces', ['rows', 'tokens'])),
    )
    return inLlm((x: Loose) => head(llm)(x))(asked) as Loose
  }
const surprise = (scores: Loose): Tensor<[]> => crossEntropy()(scores, indexInput('labels', ['answers']) as never)
/** The loss of answers about what was seen. */
export const answersLoss = (parts: Pick<MgLlavaParts, 'llm'>): ((seen: SeenTokens) => Tensor<[]>) =>
  flow(answersScores(parts), surprise)

/** Learning to answer about what is seen; `shown` makes what is fed of a batch's pictures. */
export const learningFrom = <S extends PlacedSample>(
  parts: MgLlavaParts,
  seen: Partial<SeenTokens>,
  shown: (samples: readonly S[]) => Feeds,
): Learning<S> => {
  const tokens = { picture: Number(seen.picture?.shape.at(-2) ?? 0), objects: seen.objects !== undefined }
  const scores = answersScores(parts)(seen)
  const loss = surprise(scores)
  const said = argmax(-1)(scores)
  // a variant asks for some of them only
  const inputs = topological([loss]).flatMap(node => (node.role === 'input' ? [node.name] : []))
  return {
    loss,
    said,
    feeds: samples => {
      const all = { ...shown(samples), ...textFeeds(samples, tokens) }
      return Object.fromEntries(inputs.map(name => [name, all[name]!]))
    },
  }
}
/** The model of these parts as it learns from samples. */
export const learning = (parts: MgLlavaParts): Learning<Sample> =>
  learningFrom(parts, look(parts)(shownTogether(parts)), samples => shownFeeds(parts, samples))

/** The language model of these parts as it learns from the texts alone, without their pictures. */
export const learningFromTexts = (parts: MgLlavaParts): Learning<LabelledIds> => {
  const { feeds, ...rest } = learningFrom(parts, {}, () => ({}))
  return { ...rest, feeds: samples => feeds(samples.map(({ ids, labels }) => ({ ids, labels }))) }
}

/** A box for a picture that has fewer than others: nothing reads what is in it, but it has an inside. */
const spare = [0, 0, 1, 1]
export const countOfBoxes = ({ shot }: PlacedSample): number => shot?.boxes?.shape[0] ?? 0

const stacked = (values: readonly Value[], shape: readonly number[]): Value => {
  const data = new Float32Array(values.length * shape.reduce((a, b) => a * b, 1))
  values.forEach((one, k) => data.set(one.data, k * (data.length / values.length)))
  return value([values.length, ...shape], data)
}
const whole = (numbers: readonly number[], shape: readonly number[] = [numbers.length]): Value =>
  value(shape, numbers, 'index')

/** What the towers are shown of a batch. */
export const shownFeeds = (parts: MgLlavaParts, samples: readonly Sample[]): Feeds => {
  const shots = samples.flatMap(({ shot }) => (shot === undefined ? [] : [shot]))
  const pixels = (name: 'image' | 'detail', side: number): Value =>
    stacked(
      shots.map(shot => shot[name] as Value),
      [3, side, side],
    )
  const images = { image: pixels('image', parts.lowSize) }
  if (!('convNext' in parts)) return images
  const both = { ...images, detail: pixels('detail', parts.imageSize) }
  if (!('boxes' in parts)) return both
  const most = Math.max(0, ...samples.map(countOfBoxes))
  const boxes = shots.flatMap(({ boxes: given }) =>
    Array.from({ length: most }, (_, k) =>
      k < (given?.shape[0] ?? 0) ? Array.from(given!.data.subarray(4 * k, 4 * k + 4)) : spare,
    ).flat(),
  )
  const known = shots.flatMap(({ boxes: given }) =>
    Array.from({ length: most }, (_, k) => Number(k < (given?.shape[0] ?? 0))),
  )
  return { ...both, boxes: value([shots.length, most, 4], boxes), known: whole(known, [shots.length, most]) }
}

/** What a picture becomes in a text. */
export interface Tokens {
  /** how many it has itself */
  readonly picture: number
  /** whether its objects have a token each */
  readonly objects: boolean
}
/** The texts of a batch, and where everything stands in them. */
export const textFeeds = (samples: readonly PlacedSample[], tokens: Tokens): Feeds => {
  const pictureTokens = tokens.picture
  const pictures = samples.filter(({ shot }) => shot !== undefined)
  const most = Math.max(0, ...samples.map(countOfBoxes))
  const places = samples.map(sample =>
    placesOf(sample, sample.shot === undefined ? 0 : pictureTokens, tokens.objects ? countOfBoxes(sample) : 0),
  )
  const length = Math.max(0, ...places.map(p => p.length))
  const words: number[] = []
  const wordPlaces: number[] = []
  const picturePlaces = new Array<number>(pictures.length * pictureTokens).fill(-1)
  const objectPlaces = new Array<number>(pictures.length * most).fill(-1)
  const count = places.flat().filter(({ what }) => what === 'word').length
  const source = new Array<number>(samples.length * length).fill(-1)
  const asked: number[] = []
  const labels: number[] = []
  const askedPlaces = new Array<number>(source.length).fill(-1)
  places.forEach((row, r) => {
    const picture = pictures.indexOf(samples[r]!)
    row.forEach((place, t) => {
      const at = r * length + t
      if (place.what === 'word') {
        source[at] = words.length
        words.push(place.id)
        wordPlaces.push(at)
      } else if (place.what === 'picture') {
        const token = picture * pictureTokens + place.at
        source[at] = count + token
        picturePlaces[token] = at
      } else {
        const object = picture * most + place.at
        source[at] = count + picturePlaces.length + object
        objectPlaces[object] = at
      }
      const label = labelOf(place)
      if (label === unlabelled || t === 0) return
      askedPlaces[at - 1] = asked.length
      asked.push(at - 1)
      labels.push(label)
    })
  })
  const grid = [samples.length, length]
  return {
    words: whole(words),
    wordPlaces: whole(wordPlaces),
    picturePlaces: whole(picturePlaces, [pictures.length, pictureTokens]),
    ...(tokens.objects ? { objectPlaces: whole(objectPlaces, [pictures.length, most]) } : {}),
    source: whole(source, grid),
    asked: whole(asked),
    askedPlaces: whole(askedPlaces, grid),
    labels: whole(labels),
  }
}
