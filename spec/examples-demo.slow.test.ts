/** The demo, as a process: its model answers, every stage agrees, and it leaves a page that needs nothing else. */
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const file = join(root, 'out/demo.html')
let said: string
beforeAll(async () => {
  rmSync(file, { force: true })
  const args = ['--import', 'tsx', '--conditions=sluice-source', join(root, 'examples/demo.ts')]
  const env = { ...process.env, NO_COLOR: '1' }
  said = (await promisify(execFile)(process.execPath, args, { cwd: root, env })).stdout
})

/**
 * Of ten answers about things that never met in training, the least that must be right: one fewer than are on lavapipe, since another device
 * rounds otherwise. The ten questions are the same in every run.
 */
const leastRight = 8

it('answers questions about fresh scenes, and says which answers are right', () => {
  const marks = (split: string): readonly (readonly [mark: string, answer: string, known: string | undefined])[] =>
    said
      .split('\n\n── ')
      .filter(part => part.startsWith(`a fresh scene, ${split}`))
      .flatMap(part => [...part.matchAll(/^(right|WRONG) {2}[A-Z].*\? +(.*?)(?: {2}\(it is: (.*)\))?$/gm)])
      .map(([, mark, answer, known]) => [mark!, answer!, known])
  for (const split of ['test-pairs', 'test-style']) {
    const answers = marks(split)
    expect(answers.length).toBe(10)
    for (const [mark, answer, known] of answers) expect(mark === 'right').toBe(known === undefined || answer === known)
    expect(said).toContain(`${split}: ${answers.filter(([mark]) => mark === 'right').length} of 10`)
  }
  expect(said.match(/^gate -?\d\.\d{4}$/gm)?.length).toBe(5)
})
it('is right about most scenes of things that never met in training', () => {
  const [, right] = /^test-pairs: (\d+) of 10$/m.exec(said)!
  expect(Number(right)).toBeGreaterThanOrEqual(leastRight)
})
it('agrees with the reference stage by stage', () => {
  expect(said).toContain('every stage is within 0.0001')
  const stages = [
    'clip/hidden_2',
    'convnext/stage_3',
    'R',
    'fusion/g',
    'E_F',
    'picture',
    'objects',
    'sequence',
    'logits',
  ]
  for (const stage of stages) expect(said).toMatch(new RegExp(`^${stage} +\\[`, 'm'))
  expect(said).toContain('the answer is the same: : thebkfareTkf Theha with')
})
it('says that the weights of one model are random', () => expect(said).toContain('weights of this model are random'))
it('continues a story as the reference does', () => {
  const { prompts } = JSON.parse(readFileSync(join(root, 'examples/data/stories260K/expected.json'), 'utf8'))
  const told = said.slice(said.indexOf(prompts[0].text)).split('\n\n──')[0] as string
  expect(told.length).toBeGreaterThan(150)
  expect(prompts[0].full_text.startsWith(told)).toBe(true)
})
describe('the page that it leaves', () => {
  let page: string
  beforeAll(() => {
    page = readFileSync(file, 'utf8')
  })

  it('needs nothing else', () => {
    const links = 'data:|https:\\/\\/(www\\.flickr\\.com|creativecommons\\.org)|#'
    expect(page).not.toMatch(new RegExp(`<(script|link)|(src|href)="(?!${links})|url\\(`))
  })
  it('has every fresh scene with its boxes, gate, questions and answers', () => {
    const scenes = page.split('<div class="scene">').slice(1)
    expect(scenes.length).toBe(4)
    for (const scene of scenes) {
      expect(scene).toContain('href="data:image/png;base64,iVBOR')
      const [, things] = /aria-label="a scene of (\d+) things"/.exec(scene)!
      const drawn = scene.slice(0, scene.indexOf('</svg>'))
      expect(drawn.match(/<rect [^>]*\/><text [^>]*>[a-z ]+<\/text>/g)?.length).toBe(Number(things))
      expect(scene).toMatch(/gate <b>-?\d\.\d{4}<\/b>/)
      expect(scene.match(/<tr><td>[✓✗]<\/td><td>[A-Z][^<]*\?<\/td><td>[^<]*<\/td><td>[^<]+<\/td><\/tr>/g)?.length).toBe(
        5,
      )
    }
    expect(page).toMatch(/<li>test-style, [^<]*emojione[^<]*: <b>\d+ of 10<\/b> answers are right/)
  })
  it('says whose drawings they are, and what the weights may be used for', () => {
    for (const artist of ['OpenMoji', 'Twemoji', 'Noto Emoji', 'Fluent Emoji', 'EmojiTwo'])
      expect(page).toContain(artist)
    expect(page).toContain(
      'and the weights that were trained on such scenes, are <a href="https://creativecommons.org/licenses/by-sa/4.0/"',
    )
  })
  it('has the graph, the passes, a kernel, and the photograph', () => {
    const parts = ['data:image/jpeg;base64,', '>bus</text>', 'fuse_module', '<th>GFLOP/s</th>', '@compute', 'random']
    for (const part of parts) expect(page).toContain(part)
  })
})
