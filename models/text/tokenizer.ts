/**
 * Tokenizers from a Hugging Face tokenizer.json: byte-pair encoding of the two kinds that MG-LLaVA's language models
 * use (SentencePiece-like with byte fallback, and byte-level), and CLIP's. Encoding is @huggingface/tokenizers', which
 * gives the Rust library's ids; the file is checked first, since that library takes what it is given and fails late or
 * not at all. Decoding is ours (detokenize.ts says why).
 */
import { Tokenizer as BytePairs } from '@huggingface/tokenizers'
import { either as E } from 'fp-ts'
import * as t from 'io-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { at, brief, described, fieldErrors, type Problem, problemsOf, readJson } from '../../lib/json.ts'
import { deepest, type Detokenizer, detokenizerOf, tooDeep } from './detokenize.ts'

export interface DecodeOptions {
  /** Keep special tokens as text. */
  readonly special?: boolean
}
export interface Tokenizer {
  /** Ids of a text; special tokens in it are recognised, none are added. */
  readonly encode: (text: string) => number[]
  /** Text of ids; special tokens are left out unless asked for, ids that no piece has always are. */
  readonly decode: (ids: readonly number[], options?: DecodeOptions) => string
  readonly idOf: (piece: string) => number | undefined
  readonly pieceOf: (id: number) => string | undefined
  /** One more than the largest id. */
  readonly size: number
}

type Read<A> = E.Either<SluiceError, A>

const addedToken = t.intersection([
  t.type({ id: t.number, content: t.string }),
  t.partial({
    special: t.boolean,
    normalized: t.boolean,
    lstrip: t.boolean,
    rstrip: t.boolean,
    single_word: t.boolean,
  }),
])
const optional = <C extends t.Mixed>(codec: C) => t.union([codec, t.null, t.undefined], codec.name)
const tokenizerFile = t.type({
  model: t.intersection([
    t.type({
      type: t.literal('BPE'),
      vocab: new t.Type('pieces and their ids', t.UnknownRecord.is, t.UnknownRecord.validate, t.UnknownRecord.encode),
      merges: t.UnknownArray,
    }),
    t.partial({
      unk_token: optional(t.string),
      byte_fallback: optional(t.boolean),
      ignore_merges: optional(t.boolean),
      continuing_subword_prefix: optional(t.literal('')),
      end_of_word_suffix: optional(t.string),
    }),
  ]),
  added_tokens: t.array(addedToken),
  normalizer: t.unknown,
  pre_tokenizer: t.unknown,
  post_processor: t.unknown,
  decoder: t.unknown,
})
type TokenizerFile = t.TypeOf<typeof tokenizerFile>

/** Each piece has an id, no two the same one, none beyond the rows of the embedding. */
const vocabProblems = ({ model, added_tokens: added }: TokenizerFile, rows: number): Problem[] => {
  const owners = new Map<number, string>()
  const claim = (piece: string, id: unknown): string | undefined => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0)
      return `expected an id (a whole number), found ${brief(id)}`
    if (id >= rows) return `the id ${id} has no row in the embedding, which has ${rows}`
    const owner = owners.get(id) ?? piece
    owners.set(id, owner)
    return owner === piece ? undefined : `the id ${id} belongs to ${brief(owner)} already`
  }
  const pieces = Object.entries(model.vocab).flatMap(([piece, id]) => {
    const message = claim(piece, id)
    return message === undefined ? [] : [{ path: `model.vocab[${brief(piece)}]`, message }]
  })
  const tokens = added.flatMap(({ content, id }, i) => {
    const inVocab = Object.hasOwn(model.vocab, content) ? model.vocab[content] : id
    const elsewhere = `${brief(content)} has the id ${id} here and ${brief(inVocab)} in model.vocab`
    const message = inVocab === id ? claim(content, id) : elsewhere
    return message === undefined ? [] : [{ path: at('added_tokens', i), message }]
  })
  return [...pieces, ...tokens]
}

/** "a b" or ["a", "b"] as a pair. */
const pairOf = (merge: unknown): readonly [string, string] | undefined => {
  const parts: readonly unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []
  const [first, second] = parts
  return parts.length === 2 && typeof first === 'string' && typeof second === 'string' ? [first, second] : undefined
}

/** Each merge joins two pieces into a third. */
const mergeProblems = ({ model }: TokenizerFile): Problem[] =>
  model.merges.flatMap((merge, i) => {
    const pair = pairOf(merge)
    const fits = pair?.every(piece => Object.hasOwn(model.vocab, piece)) && Object.hasOwn(model.vocab, pair.join(''))
    if (fits) return []
    const path = at('model.merges', i)
    if (pair === undefined) return [{ path, message: `expected two pieces, found ${brief(merge)}` }]
    const unknown = [...pair, pair.join('')].filter(piece => !Object.hasOwn(model.vocab, piece))
    return [{ path, message: `model.vocab has no piece ${unknown.map(brief).join(', ')}` }]
  })

/** What a step says, by its kind. */
type Steps = Readonly<Record<string, t.Props>>
const pattern = t.union([t.type({ String: t.string }), t.type({ Regex: t.string })], 'a String or a Regex')
const flag = optional(described('true or false', t.boolean))
const text = described('text', t.string)
const oneOf = (...words: readonly string[]) =>
  described(`one of ${words.join(', ')}`, t.string, word => words.includes(word))
const normalizers: Steps = {
  Prepend: { prepend: text },
  Replace: { pattern, content: text },
  NFC: {},
  NFD: {},
  NFKC: {},
  NFKD: {},
  Lowercase: {},
  Strip: { strip_left: flag, strip_right: flag },
  StripAccents: {},
}
const preTokenizers: Steps = {
  Split: {
    pattern,
    behavior: oneOf('Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'),
    invert: flag,
  },
  ByteLevel: { add_prefix_space: flag, trim_offsets: flag, use_regex: flag },
  Metaspace: {
    replacement: text,
    str_rep: optional(text),
    prepend_scheme: optional(oneOf('first', 'never', 'always')),
  },
  Digits: { individual_digits: flag },
  Punctuation: {},
  Whitespace: {},
  WhitespaceSplit: {},
}

/** The steps of a pipeline are of kinds that are known; a Sequence holds others under the name `list`. */
const stepProblems = (value: unknown, path: string, list: string, known: Steps, depth = 0): Problem[] => {
  if (value === null || value === undefined) return []
  const { type, [list]: steps } = (typeof value === 'object' ? value : {}) as Record<string, unknown>
  if (type === 'Sequence' && depth === deepest) return [tooDeep(path)]
  if (type === 'Sequence' && Array.isArray(steps))
    return steps.flatMap((step, i) => stepProblems(step, at(at(path, list), i), list, known, depth + 1))
  if (typeof type === 'string' && Object.hasOwn(known, type)) {
    const decoded = t.type(known[type]!).decode(value)
    return E.isRight(decoded) ? [] : problemsOf(decoded.left).map(p => ({ ...p, path: at(path, p.path) }))
  }
  const found = type === 'Sequence' ? `a Sequence without ${list}` : brief(type)
  return [{ path: at(path, 'type'), message: `expected one of ${Object.keys(known).join(', ')}, found ${found}` }]
}

type AddedToken = t.TypeOf<typeof addedToken>

/**
 * Takes away the white space that added tokens with lstrip or rstrip swallow. The library would, but with JavaScript's
 * trim, which has U+FEFF and not U+0085: the Rust library goes by Unicode's White_Space.
 */
const swallowing = (added: readonly AddedToken[]): ((text: string) => string) => {
  const whole = added.filter(({ normalized, special }) => !(normalized ?? special !== true))
  if (!whole.some(({ lstrip, rstrip }) => lstrip === true || rstrip === true)) return text => text
  const byContent = new Map(whole.map(token => [token.content, token]))
  const escaped = [...byContent.keys()]
    .sort((one, other) => other.length - one.length)
    .map(content => content.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
  const cut = new RegExp(`(${escaped.join('|')})`, 'u')
  return text => {
    const sections = text.split(cut)
    return sections
      .map((section, i) => {
        if (i % 2 === 1) return section
        const after = byContent.get(sections[i - 1] ?? '')?.rstrip === true
        const before = byContent.get(sections[i + 1] ?? '')?.lstrip === true
        const rest = after ? section.replace(/^\p{White_Space}+/u, '') : section
        return before ? rest.replace(/\p{White_Space}+$/u, '') : rest
      })
      .join('')
  }
}

/** The file as the library is to see it. */
const prepared = (file: TokenizerFile) => ({
  ...file,
  model: { ...file.model, merges: file.model.merges.map(pairOf) },
  added_tokens: file.added_tokens.map(token => ({ ...token, lstrip: false, rstrip: false })),
  // Templates add special tokens around a text, which is not asked for here.
  post_processor: null,
})

const build = (file: TokenizerFile, detokenize: Detokenizer): Tokenizer => {
  const pairs = new BytePairs(prepared(file), {})
  const swallow = swallowing(file.added_tokens)
  const { vocab, end_of_word_suffix: suffix } = file.model
  const ids = new Map(Object.entries(vocab as Record<string, number>))
  for (const { content, id } of file.added_tokens) ids.set(content, id)
  const pieces = new Map(Array.from(ids, ([piece, id]) => [id, piece]))
  const specials = new Set(file.added_tokens.flatMap(({ special, id }) => (special ? [id] : [])))
  return {
    encode: text => pairs.encode(swallow(text), { add_special_tokens: false }).ids,
    decode: (sequence, { special = false } = {}) => {
      const shown = special ? sequence : sequence.filter(id => !specials.has(id))
      const text = detokenize(shown.flatMap(id => pieces.get(id) ?? [])).join('')
      return suffix ? text.replaceAll(suffix, ' ') : text
    },
    idOf: piece => ids.get(piece),
    pieceOf: id => pieces.get(id),
    size: Array.from(pieces.keys()).reduce((most, id) => Math.max(most, id + 1), 0),
  }
}

/** The tokenizer of a tokenizer.json's text. `rows` is the number of rows of the embedding that its ids select from. */
export const readTokenizer = (text: string, file: string, rows = Infinity): Read<Tokenizer> => {
  const read = readJson(tokenizerFile, text, file)
  if (E.isLeft(read)) return read
  const detokenizer = detokenizerOf(read.right.decoder ?? null, 'decoder')
  const problems = [
    ...vocabProblems(read.right, rows),
    ...mergeProblems(read.right),
    ...stepProblems(read.right.normalizer, 'normalizer', 'normalizers', normalizers),
    ...stepProblems(read.right.pre_tokenizer, 'pre_tokenizer', 'pretokenizers', preTokenizers),
    ...(Array.isArray(detokenizer) ? detokenizer : []),
  ]
  const [first, ...rest] = problems
  if (first !== undefined) return E.left(fieldErrors(file, [first, ...rest]))
  const { run } = detokenizer as { readonly run: Detokenizer }
  return E.tryCatch(
    () => build(read.right, run),
    cause => fieldErrors(file, [{ path: '', message: (cause as Error).message }]),
  )
}

/** A language model's tokenizer: it knows how a text begins and how an answer ends. */
export interface ChatTokenizer extends Tokenizer {
  readonly bos: number
  readonly eos: number
}

const tokenName = t.union([t.string, t.type({ content: t.string })], 'a token')
const tokenizerConfig = t.type({ bos_token: tokenName, eos_token: tokenName })

/** A tokenizer with the start and end token that tokenizer_config.json names. */
export const readChatTokenizer = (tokenizer: Tokenizer, text: string, file: string): Read<ChatTokenizer> => {
  const config = readJson(tokenizerConfig, text, file)
  if (E.isLeft(config)) return config
  const idOf = (field: 'bos_token' | 'eos_token') => {
    const named = config.right[field]
    return tokenizer.idOf(typeof named === 'string' ? named : named.content)
  }
  const [bos, eos] = [idOf('bos_token'), idOf('eos_token')]
  if (bos !== undefined && eos !== undefined) return E.right({ ...tokenizer, bos, eos })
  const field = bos === undefined ? 'bos_token' : 'eos_token'
  const message = `the tokenizer has no token ${JSON.stringify(config.right[field])}`
  return E.left(fieldErrors(file, [{ path: field, message }]))
}
