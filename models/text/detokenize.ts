/**
 * From token strings back to text, by the `decoder` of a tokenizer.json. @huggingface/tokenizers 0.2.0 decodes, too, but
 * not as the Rust library that models are judged with: bytes that are not UTF-8 become one U+FFFD for each maximal bad
 * sequence also where byte fallback gives one for each byte; ids without a piece become <unk> instead of nothing; an
 * empty answer throws; spaces before punctuation are removed. Source: huggingface/tokenizers:tokenizers/src/decoders.
 */
import type { Problem } from '../../lib/json.ts'
import { at, brief } from '../../lib/json.ts'

/** Token strings to strings; the text is what they give when joined. */
export type Detokenizer = (pieces: readonly string[]) => string[]

const replaceAll =
  (find: string, content: string): Detokenizer =>
  pieces =>
    pieces.map(piece => piece.split(find).join(content))

const fuse: Detokenizer = pieces => [pieces.join('')]

/** Up to `start` characters `content` away from the front of each string, and up to `stop` from its end. */
const stripEnds =
  (content: string, start: number, stop: number): Detokenizer =>
  pieces =>
    pieces.map(piece => {
      const letters = Array.from(piece)
      const run = (list: readonly string[], most: number) => {
        const other = list.slice(0, most).findIndex(letter => letter !== content)
        return other < 0 ? Math.min(most, list.length) : other
      }
      const [front, back] = [run(letters, start), run(letters.toReversed(), stop)]
      return letters.slice(front, letters.length - back).join('')
    })

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lossy = new TextDecoder('utf-8', { ignoreBOM: true })

/** A run of byte tokens is text, or, if it is not UTF-8, one U+FFFD for each byte. */
const runOfBytes = (bytes: readonly number[]): string => {
  try {
    return strict.decode(Uint8Array.from(bytes))
  } catch {
    return '\ufffd'.repeat(bytes.length)
  }
}

const byteFallback: Detokenizer = pieces => {
  const out: string[] = []
  let run: number[] = []
  const flush = () => {
    if (run.length > 0) out.push(runOfBytes(run))
    run = []
  }
  for (const piece of pieces) {
    const hex = /^<0x([0-9a-fA-F]{2})>$/.exec(piece)?.[1]
    if (hex !== undefined) run.push(parseInt(hex, 16))
    else {
      flush()
      out.push(piece)
    }
  }
  flush()
  return out
}

/** The letters that stand for the bytes 0 to 255 in a byte-level vocabulary: themselves if printable, else U+0100 and on. */
const byteLetters = (() => {
  const isPrintable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
})()
const byteOf = new Map(byteLetters.map((letter, byte) => [letter, byte]))
const encoder = new TextEncoder()

/** Letters back to bytes; a string with a letter that stands for none is its own UTF-8. One U+FFFD for each maximal bad sequence. */
const byteLevel: Detokenizer = pieces => {
  const bytes = pieces.flatMap(piece => {
    const own = Array.from(piece, letter => byteOf.get(letter))
    return own.includes(undefined) ? Array.from(encoder.encode(piece)) : (own as number[])
  })
  return [lossy.decode(Uint8Array.from(bytes))]
}

interface Step {
  readonly type?: unknown
  readonly decoders?: unknown
  readonly pattern?: { readonly String?: unknown }
  readonly content?: unknown
  readonly start?: unknown
  readonly stop?: unknown
}
const known = 'Sequence, Replace, ByteFallback, Fuse, Strip, ByteLevel'

/** A Sequence may stand in a Sequence, but no file that means it goes on so. */
export const deepest = 16
export const tooDeep = (path: string): Problem => ({
  path,
  message: `expected at most ${deepest} Sequences inside one another, found more`,
})

/** What a `decoder` of a tokenizer.json does, or what is wrong with it; null joins with spaces. */
export const detokenizerOf = (decoder: unknown, path: string, depth = 0): { readonly run: Detokenizer } | Problem[] => {
  if (decoder === null) return { run: pieces => [pieces.join(' ')] }
  const step = (typeof decoder === 'object' ? decoder : {}) as Step
  const wrong = (field: string, expected: string, found: unknown): Problem[] => [
    { path: at(path, field), message: `expected ${expected}, found ${brief(found)}` },
  ]
  switch (step.type) {
    case 'Fuse':
      return { run: fuse }
    case 'ByteFallback':
      return { run: byteFallback }
    case 'ByteLevel':
      return { run: byteLevel }
    case 'Replace': {
      const find = step.pattern?.String
      if (typeof find !== 'string' || find === '') return wrong('pattern', 'a String', step.pattern)
      if (typeof step.content !== 'string') return wrong('content', 'text', step.content)
      return { run: replaceAll(find, step.content) }
    }
    case 'Strip': {
      const { content, start = 0, stop = 0 } = step
      if (typeof content !== 'string') return wrong('content', 'one character', content)
      if (typeof start !== 'number') return wrong('start', 'a number', start)
      if (typeof stop !== 'number') return wrong('stop', 'a number', stop)
      return { run: stripEnds(content, start, stop) }
    }
    case 'Sequence': {
      if (depth === deepest) return [tooDeep(path)]
      if (!Array.isArray(step.decoders)) return wrong('decoders', 'a list', step.decoders)
      const steps = step.decoders.map((one: unknown, i) => detokenizerOf(one, at(at(path, 'decoders'), i), depth + 1))
      const problems = steps.flatMap(one => (Array.isArray(one) ? one : []))
      if (problems.length > 0) return problems
      const runs = steps.flatMap(one => (Array.isArray(one) ? [] : [one.run]))
      return { run: pieces => runs.reduce<string[]>((strings, run) => run(strings), [...pieces]) }
    }
    default:
      return wrong('type', `one of ${known}`, step.type)
  }
}
