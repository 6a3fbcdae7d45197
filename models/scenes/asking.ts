/** Every question about a scene that has one clear answer. Conditions and words: the specification of the emoji scenes. */
import { draws } from './draws.ts'
import type { Scene, SceneBox, Thing } from './scene.ts'
import type { SheetIndex } from './world.ts'

export type Family =
  | 'left'
  | 'right'
  | 'top'
  | 'bottom'
  | 'biggest'
  | 'smallest'
  | 'next'
  | 'count'
  | 'category'
  | 'exists'
  | 'tiny'
  | 'number'
  | 'list'
export interface SceneQuestion {
  readonly family: Family
  readonly question: string
  readonly answer: string
  /** the things that decide the answer, by their place in the scene */
  readonly things: readonly number[]
}

const plurals: Partial<Record<string, string>> = {
  fish: 'fish',
  octopus: 'octopuses',
  butterfly: 'butterflies',
  grapes: 'grapes',
  cherries: 'cherries',
  strawberry: 'strawberries',
  fries: 'fries',
  scissors: 'scissors',
  glasses: 'glasses',
  bus: 'buses',
  sushi: 'sushi',
  lightning: 'lightning',
  corn: 'corn',
  bread: 'bread',
  cheese: 'cheese',
  leaf: 'leaves',
  fox: 'foxes',
  cactus: 'cactuses',
  snowman: 'snowmen',
  tomato: 'tomatoes',
}
const plural = (name: string): string => plurals[name] ?? `${name}s`
const many = ['grapes', 'cherries', 'fries', 'scissors', 'glasses']
const withoutArticle = [...many, 'sushi', 'lightning', 'corn', 'bread', 'cheese']
const one = (name: string): string =>
  withoutArticle.includes(name) ? name : 'aeiou'.includes(name.charAt(0)) ? `an ${name}` : `a ${name}`
const isThere = (name: string): string => (many.includes(name) ? `Are there ${name}?` : `Is there ${one(name)}?`)
const inWords = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`

const onSide = (side: string): string => `What is ${side} of the picture?`
const ofSize = (size: 'biggest' | 'smallest'): string => `What is the ${size} thing in the picture?`
const closestTo = (name: string): string => `What is closest to the ${name}?`
const howMany = (words: string): string => `How many ${words} are there?`
const tinyThing = 'What is the tiny thing?'
const whichNumber = 'Which number is written in the picture?'
const countedCategories = { animal: 'animals', food: 'things to eat', vehicle: 'vehicles' }

const centre = ([left, top, right, bottom]: SceneBox): readonly [number, number] => [
  (left + right) / 2,
  (top + bottom) / 2,
]
const area = ([left, top, right, bottom]: SceneBox): number => (right - left) * (bottom - top)

const isEmoji = ({ label }: Thing): boolean => label !== 'number'

/** A thing and its place in the scene. */
interface Placed extends Thing {
  readonly at: number
}
type Ask = (scene: Scene, emoji: readonly Placed[]) => readonly SceneQuestion[]

const extremes: Ask = ({ width, height }, emoji) => {
  const sides = [
    ['left', 'on the far left', 0, 1],
    ['right', 'on the far right', 0, -1],
    ['top', 'at the top', 1, 1],
    ['bottom', 'at the bottom', 1, -1],
  ] as const
  return sides.flatMap(([family, words, axis, sign]): readonly SceneQuestion[] => {
    const place = (t: Placed): number => sign * centre(t.box)[axis]
    const [first, second] = [...emoji].sort((a, b) => place(a) - place(b))
    if (first === undefined || second === undefined) return []
    if (place(second) - place(first) < 0.08 * [width, height][axis]!) return []
    return [{ family, question: onSide(words), answer: first.label, things: [first.at] }]
  })
}
const areas: Ask = (_, emoji) => {
  const ranked = [...emoji].sort((a, b) => area(b.box) - area(a.box))
  if (ranked.length < 2) return []
  const leads = (a: Placed, b: Placed): boolean => area(a.box) >= 1.3 * area(b.box)
  const ask = (family: 'biggest' | 'smallest', { label, at }: Placed): SceneQuestion => ({
    family,
    question: ofSize(family),
    answer: label,
    things: [at],
  })
  const [last, before] = [ranked.at(-1)!, ranked.at(-2)!]
  return [
    ...(leads(ranked[0]!, ranked[1]!) ? [ask('biggest', ranked[0]!)] : []),
    ...(leads(before, last) ? [ask('smallest', last)] : []),
  ]
}
const nearest: Ask = (_, emoji) => {
  if (emoji.length < 3) return []
  const once = emoji.filter(t => emoji.filter(u => u.label === t.label).length === 1)
  return once.flatMap((t): readonly SceneQuestion[] => {
    const [x, y] = centre(t.box)
    const away = (u: Placed): number => Math.hypot(centre(u.box)[0] - x, centre(u.box)[1] - y)
    const [first, second] = emoji.filter(u => u !== t).sort((a, b) => away(a) - away(b))
    if (away(second!) < 1.2 * away(first!)) return []
    const question = closestTo(t.label)
    return [{ family: 'next', question, answer: first!.label, things: [t.at, first!.at] }]
  })
}
const counts: Ask = (_, emoji) =>
  [...new Set(emoji.map(t => t.label))].map(name => {
    const found = emoji.filter(t => t.label === name)
    const question = howMany(plural(name))
    return { family: 'count', question, answer: String(found.length), things: found.map(t => t.at) }
  })
const categories =
  ({ concepts }: SheetIndex): Ask =>
  (_, emoji) => {
    return Object.entries(countedCategories).flatMap(([category, words]): readonly SceneQuestion[] => {
      const found = emoji.filter(t => concepts.find(c => c.name === t.label)?.category === category)
      if (found.length === 0) return []
      const question = howMany(words)
      return [{ family: 'category', question, answer: String(found.length), things: found.map(t => t.at) }]
    })
  }
const tiny: Ask = (_, emoji) => {
  const [only, ...others] = emoji.filter(t => t.size === 'tiny')
  if (only === undefined || others.length > 0 || emoji.length < 2) return []
  return [{ family: 'tiny', question: tinyThing, answer: only.label, things: [only.at] }]
}
const plate: Ask = ({ number, things }) =>
  number === undefined
    ? []
    : [
        {
          family: 'number',
          question: whichNumber,
          answer: number,
          things: [things.findIndex(t => t.label === 'number')],
        },
      ]
const listed = (inRow: readonly Thing[]): string => inWords(inRow.map(t => t.label))
/** By what things stand in an order. */
const orders = {
  'from left to right': ({ box }: Thing) => centre(box)[0],
  'from top to bottom': ({ box }: Thing) => centre(box)[1],
  'from the smallest to the biggest': ({ box }: Thing) => area(box),
}
export type Order = keyof typeof orders
export const captionOrders = Object.keys(orders) as readonly Order[]
const inOrder = <T extends Thing>(things: readonly T[], order: Order): readonly T[] =>
  [...things].sort((a, b) => orders[order](a) - orders[order](b))
const whatIsThere = (order: Order): string => `What do you see ${order}?`
/** All emoji of a scene in an order, however close they are, and how one asks for them. */
export const captionOf = (
  { things }: Scene,
  order: Order = 'from left to right',
): Pick<SceneQuestion, 'question' | 'answer'> => ({
  question: whatIsThere(order),
  answer: listed(inOrder(things.filter(isEmoji), order)),
})
/** Whether a concept is in a scene. */
export const existsOf = ({ things }: Scene, name: string): Pick<SceneQuestion, 'question' | 'answer'> => ({
  question: isThere(name),
  answer: things.some(t => t.label === name) ? 'yes' : 'no',
})
const row: Ask = ({ width }, emoji) => {
  const inRow = inOrder(emoji, 'from left to right')
  const apart = inRow.every((t, i) => i === 0 || centre(t.box)[0] - centre(inRow[i - 1]!.box)[0] >= 0.02 * width)
  const answer = listed(inRow)
  return apart
    ? [{ family: 'list', question: whatIsThere('from left to right'), answer, things: inRow.map(t => t.at) }]
    : []
}

/** All questions about scene k of a seed, in random order. */
export const questionsOf = (scene: Scene, index: SheetIndex, seed: number, k: number): readonly SceneQuestion[] => {
  const draw = draws(seed, 2 * k + 1)
  const emoji = scene.things.map((t, at) => ({ ...t, at })).filter(isEmoji)
  const labels = emoji.map(t => t.label)
  const present = draw.pick(labels)
  const absent = draw.pick(scene.clear.filter(name => !labels.includes(name)))
  const found = emoji.filter(t => t.label === present).map(t => t.at)
  const exists: readonly SceneQuestion[] = [
    { family: 'exists', question: isThere(present), answer: 'yes', things: found },
    { family: 'exists', question: isThere(absent), answer: 'no', things: [] },
  ]
  const asks = [extremes, areas, nearest, counts, categories(index), tiny, plate, row]
  return draw.shuffled([...asks.flatMap(ask => ask(scene, emoji)), ...exists])
}

/** Every word of questions and answers about scenes of a world. */
export const questionWords = ({ concepts }: SheetIndex): readonly string[] => {
  const sentences = [
    ...['on the far left', 'on the far right', 'at the top', 'at the bottom'].map(onSide),
    ...(['biggest', 'smallest'] as const).map(ofSize),
    ...concepts.flatMap(({ name }) => [closestTo(name), howMany(plural(name)), isThere(name)]),
    ...Object.values(countedCategories).map(howMany),
    tinyThing,
    whichNumber,
    ...captionOrders.map(whatIsThere),
    'yes no a and USER ASSISTANT',
  ]
  return [...new Set(sentences.flatMap(sentence => sentence.match(/[A-Za-z]+/g) ?? []))]
}
