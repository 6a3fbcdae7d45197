/**
 * Runs a notebook: a program in cells (`// %%`) that states its own output, each line of it after a `// => ` below the statement that
 * prints it. Running it must give the file back, mistakes included (google-research/dex-lang: misc/check-quine).
 *
 *   npx tsx --conditions=sluice-source examples/notebook.ts examples/01-first-five-minutes.nb.ts           shows what differs
 *   npx tsx --conditions=sluice-source examples/notebook.ts --write examples/01-first-five-minutes.nb.ts   writes what it prints
 */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
/** inside the package, where a program imports what a user imports */
const folder = join(root, 'out/examples')
const endOfOutput = '\0'
const stated = /^(?:\/\/ =>.*\n)+/gm

const statement = (line: string): string => `// => ${line}`.trimEnd()
const statements = (printed: string): string => `${printed.trimEnd().split('\n').map(statement).join('\n')}\n`
/** Ends the output of a statement, on as many lines as stated it, so that lines keep their numbers. */
const marker = (lines: string): string => `process.stdout.write('\\0')${'\n'.repeat(lines.split('\n').length - 1)}`

/** The program, and the same stating what it really prints. */
export const runNotebook = async (file: string): Promise<{ readonly source: string; readonly ran: string }> => {
  const source = readFileSync(file, 'utf8')
  const program = join(folder, basename(file))
  mkdirSync(folder, { recursive: true })
  // by way of another name: whoever runs the same notebook now must not read half of it
  const unfinished = `${program}.${process.pid}`
  writeFileSync(unfinished, source.replaceAll(stated, marker))
  renameSync(unfinished, program)
  const args = ['--import', 'tsx', '--conditions=sluice-source', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 2 ** 26 })
  const outputs = stdout.split(endOfOutput)
  const ran = source.replaceAll(stated, () => statements(outputs.shift() ?? ''))
  const rest = outputs.join('')
  return { source, ran: rest === '' ? ran : `${ran}${statements(rest)}` }
}

const show = async (file: string, write: boolean): Promise<void> => {
  const { source, ran } = await runNotebook(file)
  if (write) writeFileSync(file, ran)
  const [wanted, got] = [source.split('\n'), ran.split('\n')]
  const first = got.findIndex((line, i) => line !== wanted[i])
  console.log(source === ran ? `${file}: as stated` : `${file}:${first + 1}: ${got[first]}`)
  // more lines move the lines below, whose numbers may be in what is printed
  if (write && wanted.length !== got.length) await show(file, write)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const files = process.argv.slice(2).filter(arg => arg !== '--write')
  for (const file of files) await show(file, process.argv.includes('--write'))
}
