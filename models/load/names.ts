/**
 * Where the parameters of the model stand in the files of a checkpoint folder. Most have the very name they are published
 * under; the tables here are all that differs. A checkpoint after the second stage of training holds a whole language model,
 * under the names it has here; that then takes the place of the one in its own folder.
 */
export const parts = ['clip', 'convnext', 'llm', 'checkpoint'] as const
/** A file, or a set of shards, that parameters come from. */
export type Part = (typeof parts)[number]

/** What is known of the folder when its names are read. */
export interface Naming {
  /** does the checkpoint hold the language model? */
  readonly llmInCheckpoint: boolean
  /** is the head of the language model its embedding? */
  readonly tied: boolean
  /** layers of CLIP up to the selected hidden state */
  readonly clipLayers: number
}

const prefixes: readonly (readonly [prefix: string, part: Part])[] = [
  ['vision_model.', 'clip'],
  ['visual.trunk.', 'convnext'],
  ['llm.', 'llm'],
]
/** Which part's file a parameter comes from. */
export const partOf = (parameter: string, { llmInCheckpoint }: Naming): Part => {
  const part = prefixes.find(([prefix]) => parameter.startsWith(prefix))?.[1] ?? 'checkpoint'
  return part === 'llm' && llmInCheckpoint ? 'checkpoint' : part
}

/** A parameter whose name in the file is another; `*` stands for the rest of both names. */
export interface Rename {
  readonly parameter: string
  readonly inFile: string
  readonly why: string
}
/** The names that differ; the first that fits counts. */
export const renames = ({ llmInCheckpoint, tied }: Naming): readonly Rename[] => {
  const prefix = llmInCheckpoint ? 'llm.' : ''
  const head = {
    parameter: 'llm.lm_head.weight',
    inFile: `${prefix}model.embed_tokens.weight`,
    why: 'tie_word_embeddings: one matrix for both',
  }
  const own = { parameter: 'llm.*', inFile: '*', why: 'a language model in a folder of its own' }
  return [...(tied ? [head] : []), ...(llmInCheckpoint ? [] : [own])]
}
/** The name that a parameter has in its file. */
export const nameInFile = (parameter: string, table: readonly Rename[]): string => {
  for (const { parameter: ours, inFile } of table) {
    const stem = ours.replace(/\*$/, '')
    if (ours === parameter) return inFile
    if (stem !== ours && parameter.startsWith(stem)) return inFile.replace('*', parameter.slice(stem.length))
  }
  return parameter
}

/** Why a tensor that the model does not use is no surprise in this file; undefined if it is one. */
export const whyIgnored = (part: Part, name: string, naming: Naming): string | undefined =>
  ignored[part].find(one => one.holds(name, naming))?.why

interface Ignored {
  readonly holds: (name: string, naming: Naming) => boolean
  readonly why: string
}
const layerOf = (name: string): number => Number(/^vision_model\.encoder\.layers\.(\d+)\./.exec(name)?.[1] ?? -1)
const ignored: Readonly<Record<Part, readonly Ignored[]>> = {
  clip: [
    {
      holds: name => /^(text_model|visual_projection|text_projection|logit_scale)(\.|$)/.test(name),
      why: 'the other half of a whole CLIP',
    },
    { holds: name => name.endsWith('.position_ids'), why: 'a buffer of old files, computed here' },
    {
      holds: (name, { clipLayers }) => layerOf(name) >= clipLayers || name.startsWith('vision_model.post_layernorm.'),
      why: 'after the selected hidden state',
    },
  ],
  convnext: [{ holds: name => !name.startsWith('visual.trunk.st'), why: 'the text tower and the pooling head' }],
  llm: [{ holds: name => name.endsWith('.rotary_emb.inv_freq'), why: 'a buffer of old files, computed here' }],
  checkpoint: [{ holds: name => name.endsWith('.rotary_emb.inv_freq'), why: 'a buffer of old files, computed here' }],
}
