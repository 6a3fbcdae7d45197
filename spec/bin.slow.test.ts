/** The `sluice` command, as a process: what it prints and where, its exit codes, and that Ctrl-C ends it. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'sluice-bin-'))
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true })
})

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}
/** Runs the command; `interruptAfter` presses Ctrl-C so many milliseconds after the start. */
const sluice = (args: readonly string[], interruptAfter?: number): Promise<Ended> =>
  new Promise(resolve => {
    const command = ['--import', 'tsx', '--conditions=sluice-source', join(root, 'bin/sluice.ts'), ...args]
    const child = spawn(process.execPath, command, { cwd: root })
    const [out, err]: [Buffer[], Buffer[]] = [[], []]
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    const interrupt = interruptAfter === undefined ? undefined : setTimeout(() => child.kill('SIGINT'), interruptAfter)
    child.on('close', code => {
      clearTimeout(interrupt)
      // Dawn says this of every software driver
      const said = `${Buffer.concat(err)}`.replaceAll(/^Warning: maxDynamic.*\n/gm, '')
      resolve({ code, out: `${Buffer.concat(out)}`, err: said })
    })
  })

const tiny = 'examples/data/tiny-mg-llava'
const street = [`${tiny}/street.png`, 'What is left of the red square?', '--boxes', `${tiny}/street.boxes.json`]

describe('help and usage', () => {
  it('shows what it can do', async () => {
    const { code, out } = await sluice(['--help'])
    expect(code).toBe(0)
    for (const name of ['ask', 'describe', 'graph', 'wgsl', 'profile', 'doctor', 'tune', 'check'])
      expect(out).toContain(`- ${name} - `)
  })
  it('shows each command with examples', async () => {
    const { code, out } = await sluice(['ask', '--help'])
    expect(code).toBe(0)
    expect(out).toContain('--max-new-tokens')
    expect(out).toContain('$ sluice ask')
  })
  it.each([
    ['a command that is none', ['doctr'], 'Did you mean'],
    ['an option that is none', ['doctor', '--fast'], 'Unknown arguments'],
    ['an argument too few', ['describe'], 'DIR'],
    ['an op that is none', ['check', 'softmx'], "there is no op 'softmx'; there are softmax"],
  ])('%s is 2, on standard error', async (_, args, message) => {
    const { code, out, err } = await sluice(args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(message)
  })
})

describe('a checkpoint', () => {
  it('is answered from, and every value on the way written', async () => {
    const dump = join(scratch, 'dump.safetensors')
    const { code, out, err } = await sluice(['ask', tiny, ...street, '--dump', dump])
    const expected = JSON.parse(readFileSync(join(root, tiny, 'expected.json'), 'utf8'))
    expect({ code, out }).toEqual({ code: 0, out: `${expected.questions[0].text}\n` })
    expect(err).toBe(`29 values written to ${dump}\n`)
    expect(existsSync(dump)).toBe(true)
  })
  it('is answered from as briefly as wanted', async () => {
    const { code, out } = await sluice(['ask', tiny, ...street, '--max-new-tokens', '2'])
    expect({ code, out }).toEqual({ code: 0, out: ': the\n' })
  })
  it('is described', async () => {
    const { code, out } = await sluice(['describe', tiny, '--depth', '1'])
    expect(code).toBe(0)
    expect(out).toContain('├─ fuse_module')
    expect(out).toContain('mg_llava.pth: 20')
  })
  it('is drawn', async () => {
    const file = join(scratch, 'model.svg')
    const { code, out } = await sluice(['graph', tiny, '--depth', '0', '-o', file])
    expect({ code, out }).toEqual({ code: 0, out: '' })
    expect(readFileSync(file, 'utf8')).toContain('fuse_module')
  })
  it('is listed as kernels', async () => {
    const { code, out } = await sluice(['wgsl', tiny, '--match', 'bbox_projector'])
    expect(code).toBe(0)
    expect(out).toContain('@compute')
    expect(out).not.toContain('vision_model')
  })
  it('has no kernel of another name', async () => {
    const { code, out, err } = await sluice(['wgsl', tiny, '--match', 'nothing'])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain("no kernel matches 'nothing'")
  })
  it('is profiled', async () => {
    const { code, out } = await sluice(['profile', tiny, ...street])
    expect(code).toBe(0)
    expect(out).toMatch(/kernel +passes +ms +share +GFLOP\/s +GB\/s +of best/)
  })
})

describe('what is wrong', () => {
  it.each([
    ['a folder that is none', ['describe', 'nowhere'], 'nowhere/mg-llava.json: there is no such file\n'],
    [
      'a missing box file',
      ['ask', tiny, `${tiny}/street.png`, 'What?'],
      `${tiny}/street.png: this model reads boxes: name a box file (one with empty lists says: no boxes)\n`,
    ],
    [
      'a picture that is none',
      ['ask', tiny, `${tiny}/mg-llava.json`, 'What?', '--boxes', `${tiny}/street.boxes.json`],
      `${tiny}/mg-llava.json: cannot be read as a picture: expected a PNG, JPEG or WebP file, found something else\n`,
    ],
  ])('%s is 1, and its message alone on standard error', async (_, args, message) => {
    expect(await sluice(args)).toEqual({ code: 1, out: '', err: message })
  })
})

describe('ops', () => {
  it('are checked one by one', async () => {
    const { code, out } = await sluice(['check', 'exp', '--instances', '2'])
    expect(code).toBe(0)
    expect(out).toContain('exp (...s -> ...s)')
    expect(out).toContain('ok     WGSL agrees with the reference')
  })
  it('are checked until Ctrl-C', async () => {
    const { code, out, err } = await sluice(['check'], 4000)
    expect({ code, out }).toEqual({ code: 130, out: '' })
    expect(['', 'checking was interrupted\n']).toContain(err)
  })
})
