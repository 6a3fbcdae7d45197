/**
 * A notebook for Jupyter with the kernel tslab: the same cells, with what they printed. (nbformat 4.5.)
 *
 * A kernel starts in the folder of its notebook, but names of files in a notebook start at the root of the project, so the first cell of
 * code goes there. The compiler in tslab is TypeScript 5.0, which cannot follow the types of Sluice: beside the notebooks stand declarations
 * that make everything of it `any`. Types are checked where the notebook is written.
 */
import * as sluice from 'sluice'
import * as models from 'sluice/models'
import * as ops from 'sluice/ops'
import ts from 'typescript'
import type { Cell, Output } from './cells.ts'

const lines = (text: string): readonly string[] => text.split(/(?<=\n)/)
const output = (made: Output): object =>
  'svg' in made
    ? {
        output_type: 'display_data',
        metadata: {},
        data: { 'image/svg+xml': lines(made.svg), 'text/plain': [made.file] },
      }
    : { output_type: 'stream', name: 'stdout', text: lines(`${made.text}\n`) }

/**
 * A cell as tslab can run it: `{ x }` becomes `{ x: x }`, since names of earlier cells are not found in the short form; a type parameter of which
 * nothing is known becomes `any`; and mistakes that only tsc sees are a comment.
 */
const runnable = (code: string): string => {
  const file = ts.createSourceFile('cell.ts', code, ts.ScriptTarget.Latest, true)
  const insertions: (readonly [at: number, text: string])[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isShorthandPropertyAssignment(node)) insertions.push([node.getEnd(), `: ${node.name.text}`])
    if (ts.isTypeParameterDeclaration(node) && ts.isFunctionLike(node.parent))
      insertions.push([node.getEnd(), ' = any'])
    ts.forEachChild(node, visit)
  }
  visit(file)
  const whole = insertions.reduceRight((text, [at, more]) => text.slice(0, at) + more + text.slice(at), code)
  return whole.replaceAll('@ts-expect-error', 'tsc:')
}
const cell = (made: Cell, i: number, first: boolean): object => {
  const id = `cell-${i}`
  if ('markdown' in made) return { id, cell_type: 'markdown', metadata: {}, source: lines(made.markdown) }
  const { steps } = made
  const code = steps.map(step => step.code).filter(text => text !== '')
  const source = [...(first ? ["process.chdir('../..')"] : []), ...code].join('\n')
  return {
    id,
    cell_type: 'code',
    metadata: {},
    execution_count: null,
    source: lines(runnable(source)),
    outputs: steps.flatMap(step => step.outputs.map(output)),
  }
}

/** The text of an .ipynb file. */
export const jupyterNotebook = (cells: readonly Cell[]): string => {
  const first = cells.findIndex(made => 'steps' in made)
  const notebook = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      kernelspec: { display_name: 'TypeScript', language: 'typescript', name: 'tslab' },
      language_info: { name: 'typescript', file_extension: '.ts', mimetype: 'text/typescript' },
    },
    cells: cells.map((made, i) => cell(made, i, i === first)),
  }
  return `${JSON.stringify(notebook, undefined, 1)}\n`
}

// a shape may be spread in a type
const anyType = (name: string): string =>
  name === 'Shape' ? 'export type Shape = any[]' : `export type ${name}<A = any, B = any, C = any, D = any> = any`
const anyValue = (name: string): string => `export const ${name}: any`
const typesOf = (sources: readonly string[], module: string): readonly string[] => {
  const imports = sources.flatMap(source => [...source.matchAll(/^import \{([^}]*)\} from '(.*)'$/gm)])
  const names = imports.filter(([, , from]) => from === module).flatMap(([, list = '']) => list.split(','))
  const types = names.map(name => /^\s*type (\w+)/.exec(name)?.[1]).filter(name => name !== undefined)
  return [...new Set(types)]
}
/** Where declarations stand that tslab finds, from the folder of the notebooks. */
export const declarationsFile = 'node_modules/@types/sluice-in-jupyter/index.d.ts'
/** Declares what these notebooks import. */
export const declarations = (sources: readonly string[]): string => {
  const modules = { sluice, 'sluice/ops': ops, 'sluice/models': models }
  const own = Object.entries(modules).map(([name, values]) => {
    const types = typesOf(sources, name)
    const named = Object.keys(values).filter(value => !types.includes(value))
    return `declare module '${name}' {\n${[...named.map(anyValue), ...types.map(anyType)].join('\n')}\n}\n`
  })
  const [either, taskEither] = [anyType('Either'), anyType('TaskEither')]
  const fp = `declare module 'fp-ts' {
${anyValue('either')}
export namespace either { ${either} }
${anyValue('taskEither')}
export namespace taskEither { ${taskEither} }
}
`
  return [...own, fp].join('')
}
