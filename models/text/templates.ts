/**
 * How each language model was taught to read a question: the four prompt templates of MG-LLaVA, as data. There is no
 * system prompt. Source: PhoenixZ810/MG-LLaVA:xtuner/utils/templates.py.
 */
export interface Template {
  /** A question, around {input}. */
  readonly instruction: string
  /** What ends an answer in training, where it is not the tokenizer's own end token. */
  readonly suffix: string
  /** Between an answer and the next question. */
  readonly separator: string
  /** An answer that ends in one of these is complete. */
  readonly stopWords: readonly string[]
}

export const templates = {
  vicuna: { instruction: 'USER: {input} ASSISTANT:', suffix: '', separator: '\n', stopWords: [] },
  phi3_chat: {
    instruction: '<|user|>{input}<|end|>\n<|assistant|>\n',
    suffix: '<|end|>',
    separator: '\n',
    stopWords: ['<|end|>'],
  },
  llama3_chat: {
    instruction:
      '<|start_header_id|>user<|end_header_id|>\n\n{input}<|eot_id|>' +
      '<|start_header_id|>assistant<|end_header_id|>\n\n',
    suffix: '<|eot_id|>',
    separator: '',
    stopWords: ['<|eot_id|>'],
  },
  qwen_chat: {
    instruction: '<|im_start|>user\n{input}<|im_end|>\n<|im_start|>assistant\n',
    suffix: '<|im_end|>',
    separator: '\n',
    stopWords: ['<|im_end|>', '<|endoftext|>'],
  },
} as const satisfies Record<string, Template>

export type TemplateName = keyof typeof templates

/** The marks of a template that must be single tokens, such as <|im_start|>. */
export const marksOf = ({ instruction, suffix }: Template): string[] => [
  ...new Set((instruction + suffix).match(/<\|[^|]*\|>/g) ?? []),
]
