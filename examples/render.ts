/**
 * Runs notebooks and renders them: one page of HTML each, and one that lists them, in out/examples.
 *
 *   npm run examples                          all of them
 *   npm run examples -- 06 07                 those whose names begin so
 *   npm run examples -- --ipynb               .ipynb files for Jupyter with tslab instead
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { cellsOf, titleOf, type Cell } from './cells.ts'
import { declarations, declarationsFile, jupyterNotebook } from './jupyter.ts'
import { runNotebook } from './notebook.ts'
import { indexPage, notebookPage, type Link } from './notebook-page.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'out/examples')
const notebooks = readdirSync(join(root, 'examples'))
  .filter(file => file.endsWith('.nb.ts'))
  .sort()
const stem = (file: string): string => file.replace('.nb.ts', '')
const sourceOf = (file: string): string => readFileSync(join(root, 'examples', file), 'utf8')

/** Where the page of a notebook is, beside the others. */
const linkTo = (file: string): Link => ({ file: `${stem(file)}.html`, title: titleOf(cellsOf(sourceOf(file), root)) })
const pageOf = (file: string, cells: readonly Cell[]): string => {
  const at = notebooks.indexOf(file)
  const [previous, next] = [notebooks[at - 1], notebooks[at + 1]].map(other => other && linkTo(other)) as Link[]
  return notebookPage(cells, { previous, next })
}

const args = process.argv.slice(2)
const wanted = args.filter(arg => arg !== '--ipynb')
const forJupyter = args.includes('--ipynb')
const chosen = notebooks.filter(file => wanted.length === 0 || wanted.some(start => file.startsWith(start)))
const write = (name: string, text: string): void => {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
for (const file of chosen) {
  const { ran } = await runNotebook(join(root, 'examples', file))
  const cells = cellsOf(ran, root)
  const name = `${stem(file)}.${forJupyter ? 'ipynb' : 'html'}`
  write(name, forJupyter ? jupyterNotebook(cells) : pageOf(file, cells))
  console.log(pathToFileURL(join(folder, name)).href)
}
if (forJupyter) write(declarationsFile, declarations(notebooks.map(sourceOf)))
else write('index.html', indexPage(notebooks.map(linkTo)))
