/** Conversations as ids and labels, and batches as the sequences that the language model sees. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { either as E } from 'fp-ts'
import { encodeConversation, placesOf, type Message, type Place } from '../../../../models/learning/index.ts'
import { readTokenizer, templates, type ChatTokenizer, type TemplateName } from '../../../../models/text/index.ts'
import { Unsupported } from '../../judge.ts'
import { jsonOf, right } from '../stages.ts'

interface PromptCase {
  readonly template: TemplateName
  readonly tokenizer: string | null
  readonly package?: string
  readonly bos_token_id: number
  readonly eos_token_id: number
  readonly samples: readonly {
    readonly sample: {
      readonly id: string | number
      readonly image?: string
      readonly conversations: readonly Message[]
    }
    readonly max_length: number
    readonly error?: string
    readonly kept?: boolean
    readonly why?: string
    readonly input_ids?: readonly number[]
    readonly labels?: readonly number[]
  }[]
}
export const checkPrompts = (folder: string): string | undefined => {
  const given = jsonOf<PromptCase>(folder, 'case.json')
  if (given.tokenizer === null) throw new Unsupported(`the vocabulary of ${given.package} is not here`)
  const file = join(folder, given.tokenizer)
  if (!existsSync(file)) return `no such file: ${file}`
  const read = right(readTokenizer(readFileSync(file, 'utf8'), file, 2 ** 20))
  const tokenizer: ChatTokenizer = { ...read, bos: given.bos_token_id, eos: given.eos_token_id }
  for (const { sample, max_length, error, kept, why, input_ids, labels } of given.samples) {
    const got = encodeConversation(tokenizer, templates[given.template], max_length)(sample.conversations)
    const wrong = (what: string): string => `sample ${sample.id}: ${what}`
    if (error !== undefined) {
      if (E.isRight(got)) return wrong(`should be refused (${error})`)
      continue
    }
    if (E.isLeft(got)) return wrong(got.left.message)
    if (kept !== true) {
      if (got.right.kept || got.right.why !== why) return wrong(`should not be kept (${why})`)
      continue
    }
    if (!got.right.kept) return wrong(`not kept: ${got.right.why}`)
    if (got.right.ids.join() !== input_ids!.join())
      return wrong(`ids ${got.right.ids.join()}, should be ${input_ids!.join()}`)
    if (got.right.labels.join() !== labels!.join()) return wrong(`labels ${got.right.labels.join()}`)
  }
  return undefined
}

interface BatchCase {
  readonly batches: readonly {
    readonly members: readonly { readonly input_ids: readonly number[]; readonly labels: readonly number[] }[]
    readonly picture_tokens: number
    readonly boxes: readonly number[]
    readonly spliced: Readonly<
      Record<'source' | 'labels' | 'attention_mask' | 'position_ids', readonly (readonly number[])[]>
    >
  }[]
}
const sourceOf = (place: Place): number =>
  place.what === 'word' ? place.id : place.what === 'picture' ? -1000 - place.at : -2000 - place.at
export const checkBatches = (folder: string): string | undefined => {
  const { batches } = jsonOf<BatchCase>(folder, 'case.json')
  for (const [b, { members, picture_tokens, boxes, spliced }] of batches.entries()) {
    const rows = members.map(({ input_ids: ids, labels }, k) => placesOf({ ids, labels }, picture_tokens, boxes[k]!))
    const length = Math.max(...rows.map(row => row.length))
    const padded = (f: (place: Place, at: number) => number, padding: number) =>
      rows.map(row => Array.from({ length }, (_, at) => (row[at] === undefined ? padding : f(row[at], at))))
    const made = {
      source: padded(sourceOf, -1),
      labels: padded(place => (place.what === 'word' ? place.label : -100), -100),
      attention_mask: padded(() => 1, 0),
      position_ids: padded((_, at) => at, 0),
    }
    for (const name of ['source', 'labels', 'attention_mask', 'position_ids'] as const)
      if (JSON.stringify(made[name]) !== JSON.stringify(spliced[name])) return `batch ${b}: other ${name}`
  }
  return undefined
}
