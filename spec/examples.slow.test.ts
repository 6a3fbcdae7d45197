/** Every notebook prints what it states, mistakes included. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { runNotebook } from '../examples/notebook.ts'

const folder = fileURLToPath(new URL('../examples', import.meta.url))
const notebooks = readdirSync(folder).filter(file => file.endsWith('.nb.ts'))

it('there are notebooks', () => expect(notebooks.length).toBeGreaterThan(0))
it.each(notebooks)('%s prints what it states', async notebook => {
  const { source, ran } = await runNotebook(join(folder, notebook))
  expect(ran).toBe(source)
})
