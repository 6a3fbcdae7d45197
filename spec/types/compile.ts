/** Runs a TypeScript compiler on texts as if they were files of this project, and gives what it says. */
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** TypeScript 7 is what the project is checked with; 6 is what editors and tools still run. */
export const compilers = {
  7: join(root, 'node_modules/@typescript/native/bin/tsc'),
  6: join(root, 'node_modules/typescript/bin/tsc'),
} as const
export type Compiler = keyof typeof compilers

export interface Complaint {
  readonly file: string
  /** from 1 */
  readonly line: number
  readonly code: string
  readonly text: string
}
export interface Compiled {
  readonly complaints: readonly Complaint[]
  readonly output: string
}

/** Checks files, given by name, in a folder of their own; `options` are added to the project's compiler options. */
export const compile = async (
  compiler: Compiler,
  folder: string,
  files: Readonly<Record<string, string>>,
  {
    options = {},
    flags = [],
  }: { readonly options?: Readonly<Record<string, unknown>>; readonly flags?: readonly string[] } = {},
): Promise<Compiled> => {
  const place = join(root, '.cache/types', `${folder}-${compiler}`)
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(place, name), text)
  const config = { extends: '../../../tsconfig.json', compilerOptions: options, include: [], files: Object.keys(files) }
  writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(config))
  const output = await said(process.execPath, [compilers[compiler], '-p', place, '--pretty', 'false', ...flags])
  return { complaints: complaintsOf(output), output }
}
const said = (command: string, args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    child.on('close', () => {
      resolve(Buffer.concat(chunks).toString())
    })
  })

/** One complaint for each `file(line,column): error TS…`, with the indented lines that follow it. */
const complaintsOf = (output: string): readonly Complaint[] => {
  const complaints: Complaint[] = []
  for (const line of output.split('\n')) {
    const at = /^(.*)\((\d+),\d+\): error (TS\d+): (.*)$/.exec(line)
    const last = complaints.at(-1)
    if (at !== null) complaints.push({ file: at[1]!, line: Number(at[2]), code: at[3]!, text: at[4]! })
    else if (last !== undefined && /^ /.test(line))
      complaints[complaints.length - 1] = { ...last, text: `${last.text}\n${line}` }
  }
  return complaints
}
/** A complaint on one line, for a failed test. */
export const shown = ({ file, line, code, text }: Complaint): string => `${file}:${line} ${code}: ${text}`
