/** The tokenizer of the emoji scenes: whole words, digits apart, and back to the same text. */
import { readFileSync } from 'node:fs'
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { small } from '../../examples/emoji/parts.ts'
import { pieces, tokenizerConfig, tokenizerFile } from '../../examples/emoji/words.ts'
import { readChatTokenizer, readTokenizer } from '../../models/text/index.ts'
import type { SheetIndex } from '../../models/scenes/index.ts'

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'))
const index = read('examples/data/emoji/index.json') as SheetIndex
const right = <A>(result: E.Either<unknown, A>): A => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}
const tokenizer = right(readTokenizer(JSON.stringify(tokenizerFile(index)), 'tokenizer.json', small.llm.vocabulary))

describe('the tokenizer of scenes', () => {
  it('fits its embedding', () => {
    expect(pieces(index).length).toBeLessThanOrEqual(small.llm.vocabulary)
    expect(right(readChatTokenizer(tokenizer, JSON.stringify(tokenizerConfig), 'tokenizer_config.json')).eos).toBe(2)
  })
  it('has a piece for every word and ending of every sample question and answer, and gives them back', () => {
    const known = new Set(pieces(index))
    const asked = read('spec/models/scenes/train.questions.json') as { question: string; answer: string }[]
    for (const { question, answer } of asked) {
      for (const text of [`USER: ${question} ASSISTANT:`, answer]) {
        const ids = tokenizer.encode(text)
        const words = text.match(/[A-Za-z]+|\d|[^\sA-Za-z\d]/g)!
        const plurals = words.filter(word => word.length > 1 && !known.has(word))
        expect(ids.length).toBe(words.length + plurals.length)
        expect(tokenizer.decode(ids)).toBe(text)
      }
    }
  })
  it('has one piece for a word, wherever it stands, and another for the ending of a plural', () => {
    const cat = tokenizer.encode('cat')
    expect(cat).toHaveLength(1)
    expect(tokenizer.encode('a cat').slice(1)).toEqual(cat)
    expect(tokenizer.encode('How many cats').slice(2)).toEqual([...cat, pieces(index).indexOf('s')])
    expect(tokenizer.encode('foxes')).toEqual([...tokenizer.encode('fox'), pieces(index).indexOf('es')])
    expect(tokenizer.encode('cherries')).toHaveLength(1)
  })
  it('spells what it does not know', () => {
    expect(tokenizer.decode(tokenizer.encode('Zebra, 42!'))).toBe('Zebra, 42!')
  })
})
