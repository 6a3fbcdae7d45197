/**
 * A tokenizer of whole words for this world, as a Hugging Face tokenizer.json: byte-pair encoding without merges, in which every word that
 * is used is a piece of its own, the ending of a plural and digits stand alone, and anything else falls apart into letters. As Llama's, it
 * puts a space before every text, so that a word is the same piece at its beginning.
 */
import { either as E, function as F } from 'fp-ts'
import type { SluiceError } from '../../lib/errors.ts'
import { questionWords } from '../../models/scenes/index.ts'
import type { SheetIndex } from '../../models/scenes/index.ts'
import { readChatTokenizer, readTokenizer, type ChatTokenizer } from '../../models/text/index.ts'
import { small } from './parts.ts'

/** The letters that bytes are written as: the printable ones as they are, a space as Ġ, a line's end as Ċ. GPT-2's table. */
const letters = [...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)), 'Ġ', 'Ċ']
const specials = ['<unk>', '<s>', '</s>']

/** Every word that is used is a piece, but for the plurals of others: these are that word and an ending. */
const endings = ['s', 'es']
const pluralsOf = (words: ReadonlySet<string>): ReadonlyMap<string, string> =>
  new Map([...words].flatMap(word => endings.filter(e => words.has(word + e)).map(e => [word + e, word] as const)))

/** Pieces in the order of their ids. */
export const pieces = (index: SheetIndex): readonly string[] => {
  const words = new Set(questionWords(index))
  const plurals = pluralsOf(words)
  const spelled = [...endings, ...[...words].filter(word => !plurals.has(word)), ...'0123456789']
  const both = spelled.flatMap(word => [word, `Ġ${word}`])
  return [...specials, ...letters, ...new Set(both.filter(word => word.length > 1))]
}
/** Where a text is cut: words, before the ending of a plural too, digits, and all else one by one; each with the space before it. */
const cuts = (index: SheetIndex): string => {
  const stems = new Set(pluralsOf(new Set(questionWords(index))).values())
  return ` ?(?:${[...stems].join('|')})(?=e?s(?!\\p{L}))| ?\\p{N}| ?\\p{L}+|\\s|[^\\s\\p{L}\\p{N}]`
}

/** tokenizer.json. */
export const tokenizerFile = (index: SheetIndex): unknown => ({
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: specials.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: { type: 'Prepend', prepend: ' ' },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      {
        type: 'Split',
        pattern: { Regex: cuts(index) },
        behavior: 'Isolated',
        invert: false,
      },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
  post_processor: null,
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: true,
    vocab: Object.fromEntries(pieces(index).map((piece, id) => [piece, id])),
    merges: [],
  },
})
/** tokenizer_config.json. */
export const tokenizerConfig = {
  add_bos_token: true,
  add_eos_token: false,
  bos_token: '<s>',
  eos_token: '</s>',
  unk_token: '<unk>',
  pad_token: '<unk>',
  model_max_length: 1024,
  tokenizer_class: 'PreTrainedTokenizerFast',
  clean_up_tokenization_spaces: false,
}

/** The tokenizer of both files. */
export const chatTokenizer = (index: SheetIndex): E.Either<SluiceError, ChatTokenizer> =>
  F.pipe(
    readTokenizer(JSON.stringify(tokenizerFile(index)), 'tokenizer.json', small.llm.vocabulary),
    E.flatMap(words => readChatTokenizer(words, JSON.stringify(tokenizerConfig), 'tokenizer_config.json')),
  )
