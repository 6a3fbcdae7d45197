/** The page of all models says what the sources say, and its pictures are drawn from what the models are. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isCurrent, page, pictures, withSources } from '../../examples/models-page.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const update = 'run `npm run docs:models` and read what changed'

describe('docs/models.md', () => {
  const text = read(page)
  it('shows code as the sources have it', () => expect(withSources(text) === text ? 'current' : update).toBe('current'))
  it('shows every picture that is drawn, and no other', () => {
    const shown = [...text.matchAll(/\(pictures\/(models\/[^)]*)\.svg\)/g)].map(([, name]) => name)
    const drawn = Object.keys(pictures).filter(name => name.startsWith('models/'))
    const kept = readdirSync(new URL('docs/pictures/models', root)).map(file => `models/${file.replace(/\.svg$/, '')}`)
    expect([...shown].sort()).toEqual([...drawn].sort())
    expect(kept.sort()).toEqual([...drawn].sort())
  })
  it.each(Object.entries(pictures))('has a current picture of %s', (name, picture) => {
    expect(isCurrent(read(`docs/pictures/${name}.svg`), picture()) ? 'current' : update).toBe('current')
  })
})
