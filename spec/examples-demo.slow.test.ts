/** The demo, as a process: every stage agrees, and it leaves a page that needs nothing else. */
import { execFile } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const file = join(root, 'out/demo.html')
let said: string
beforeAll(async () => {
  rmSync(file, { force: true })
  const args = ['--import', 'tsx', '--conditions=sluice-source', join(root, 'examples/demo.ts')]
  said = (await promisify(execFile)(process.execPath, args, { cwd: root })).stdout
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
it('says that the weights of one model are random', () => expect(said).toContain('Its weights are random'))
it('continues a story as the reference does', () => {
  const { prompts } = JSON.parse(readFileSync(join(root, 'examples/data/stories260K/expected.json'), 'utf8'))
  const told = said.slice(said.indexOf(prompts[0].text)).split('\n\n──')[0] as string
  expect(told.length).toBeGreaterThan(150)
  expect(prompts[0].full_text.startsWith(told)).toBe(true)
})
it('leaves one page of HTML', () => {
  const page = readFileSync(file, 'utf8')
  expect(page).not.toMatch(/<(script|link)|(src|href)="(?!data:|https:\/\/www\.flickr\.com|#)|url\(/)
  for (const part of [
    'data:image/jpeg;base64,',
    '>bus</text>',
    'fuse_module',
    '<th>GFLOP/s</th>',
    '@compute',
    'random',
  ])
    expect(page).toContain(part)
})
