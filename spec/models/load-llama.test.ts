/** A trained Llama in a folder of its own: its weights are found, tied ones too, and it says what it has to say. */
import { either as E, taskEither as TE } from 'fp-ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { bytesSource, evaluate, files, indexInput, value, type Folder, type Value } from 'sluice'
import { llama, loadLlama } from 'sluice/models'
import { argmax } from 'sluice/ops'

const path = fileURLToPath(new URL('../../examples/data/stories260K', import.meta.url))
const expected = JSON.parse(readFileSync(join(path, 'expected.json'), 'utf8')) as {
  readonly prompts: readonly { readonly text: string; readonly ids: number[]; readonly generated: number[] }[]
}
/** The folder with one file changed. */
const changed = (file: string, change: (text: string) => string): Folder => {
  const folder = files.within(path)
  const bytes = new TextEncoder().encode(change(readFileSync(join(path, file), 'utf8')))
  return { ...folder, open: name => (name === file ? TE.right(bytesSource(file, bytes)) : folder.open(name)) }
}
const messageOf = async (where: Folder | string): Promise<string> => {
  const loaded = await loadLlama(where)()
  return E.isLeft(loaded) ? loaded.left.message : 'loaded'
}

it('predicts the texts of its reference', async () => {
  const loaded = await loadLlama(path)()
  if (E.isLeft(loaded)) throw new Error(loaded.left.message)
  const { config, tokenizer, weights } = loaded.right
  const read = new Map<string, Value>()
  for (const [name, { shape, read: numbers }] of weights) {
    const data = await numbers()
    if (E.isRight(data)) read.set(name, { kind: 'float', shape, data: data.right })
  }
  const best = argmax(-1)(llama(config)(indexInput('ids', ['text'])))
  for (const { text, ids, generated } of expected.prompts) {
    expect([tokenizer.idOf('<s>'), ...tokenizer.encode(text)]).toEqual(ids)
    const all = [...ids, ...generated.slice(0, 12)]
    const said = evaluate(best, { ids: value([all.length], all, 'index') }, { weights: read })
    if (E.isLeft(said)) throw new Error(said.left.message)
    expect([...said.right.data].slice(ids.length - 1)).toEqual(generated.slice(0, 13))
  }
})

it('says everything that is wrong with a folder', async () => {
  expect(await messageOf('nowhere')).toMatch(/^nowhere\/config\.json: .*\nnowhere\/tokenizer\.json: .*\nnowhere: /)
  const wider = changed('config.json', text => text.replace('"intermediate_size": 172', '"intermediate_size": 173'))
  expect(await messageOf(wider)).toContain('model.layers.4.mlp.up_proj.weight needs [173, 64], found [172, 64]')
  const untied = changed('config.json', text =>
    text.replace('"tie_word_embeddings": true', '"tie_word_embeddings": false'),
  )
  expect(await messageOf(untied)).toContain('lm_head.weight needs [512, 64], but is missing')
})
