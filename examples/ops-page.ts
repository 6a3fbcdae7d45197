/**
 * Prints docs/ops.md from the records of all ops, so that the page says what the program knows: npm run docs:ops
 * The sentence of each op is the first one of its docstring; everything else is asked of the record, on an instance that it draws.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isOp, nodeOf, opOf, seededDraw, topological, type Loose, type Op } from 'sluice'
import * as all from '../ops/all.ts'
import { build, drawInstance, type Built } from '../lib/check/instance.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
/** The file of the page, from the root of the project. */
export const opsPageFile = 'docs/ops.md'

interface Entry {
  /** as it is exported */
  readonly name: string
  readonly file: string
  readonly doc: string
  readonly op: Op
}

/** The docstring over an export: all of it, on one line. */
const docOf = (source: string, name: string): string => {
  const doc = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*export const ${name}\\b`).exec(source)?.[1] ?? ''
  return doc
    .replace(/^\s*\* ?/gm, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
const firstSentence = (doc: string): string => /^.*?[.:](?= [A-Z(]|$)/.exec(doc)?.[0] ?? doc

const entries = (): readonly Entry[] => {
  const list = readFileSync(`${root}ops/all.ts`, 'utf8')
  const lines = [...list.matchAll(/^export \{ (.*) \} from '\.\/(.*)'$/gm)]
  return lines.flatMap(([, names = '', file = '']) => {
    const source = readFileSync(`${root}ops/${file}`, 'utf8')
    return names.split(', ').flatMap(name => {
      const made = (all as Readonly<Record<string, unknown>>)[name]
      return isOp(made) ? [{ name, file: `ops/${file}`, doc: docOf(source, name), op: opOf(made) }] : []
    })
  })
}

/** Attributes as a reader wants them: random numbers with two digits. */
const shown = (attrs: unknown): string =>
  JSON.stringify(attrs, (_, v: unknown) => (typeof v === 'number' ? Number(v.toPrecision(2)) : v))
const code = (text: string): string => `\`${text}\``

/** The ops of one level of the meaning, each once. */
const madeOf = ({ op, attrs, inputs }: Built): readonly string[] => {
  if (op.meaning === undefined) return []
  const meaning = op.meaning(attrs)(...(inputs as unknown as Loose[]))
  const names = topological([nodeOf(meaning)]).flatMap(node => (node.role === 'applied' ? [node.op.name] : []))
  return [...new Set(names)]
}
const section = ({ name, file, doc, op }: Entry): string => {
  const instance = drawInstance(op, seededDraw(1))
  const node = build(op, instance)
  const parts = madeOf(node)
  const form = op.form?.({
    attrs: node.attrs,
    inputs: node.inputs,
    shape: node.shape,
    shapes: node.inputs.map(x => x.shape),
  })
  const rule = `${code(op.rule.sentence(instance.attrs))}${instance.attrs === undefined ? '' : `, here with ${code(shown(instance.attrs))}`}`
  const follow = [...(form === undefined ? ['WGSL'] : []), ...(op.gradient === undefined ? ['gradient'] : [])]
  const rest = follow.length === 0 ? '' : `; ${follow.join(' and ')} follow${follow.length === 1 ? 's' : ''} from it`
  const laws = Object.keys(op.laws)
  return [
    `## ${name}`,
    '',
    firstSentence(doc),
    '',
    ...(op.name === name ? [] : [`- its name in a graph: ${code(op.name)}`]),
    `- rule: ${rule}`,
    `- kinds: ${code(op.kinds)}`,
    op.meaning === undefined
      ? '- a primitive'
      : `- meaning: a graph of ${parts.map(part => code(part)).join(', ')}${rest}`,
    ...(form === undefined ? [] : [`- form: ${code(form.form)}`]),
    ...(laws.length === 0 ? [] : [`- laws: ${laws.join('; ')}`]),
    `- source: [${file}](../${file})${op.source === undefined ? '' : `, after ${op.source}`}`,
  ].join('\n')
}

const head = `# Ops

Every op of the library, printed from its record by \`npm run docs:ops\`. The rule is for one choice of attributes where there are any. A *primitive* has its
own reference, WGSL and gradient; for every other op they follow from a meaning, and where it has its own as well, the kit holds them to that.
\`npm run sluice -- check NAME\` runs one through the kit. [Adding an op](adding-an-op.md) explains the fields. Layers with parameters (\`linear\`, \`conv2d\`,
\`layerNorm\` …) are made of ops, in [ops/layers](../ops/layers).
`

/** The page. */
export const opsPage = (): string => {
  const list = entries()
  const index = list.map(({ name }) => `[${name}](#${name.toLowerCase()})`).join(' · ')
  return [head, `${index}\n`, ...list.map(entry => `${section(entry)}\n`)].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(root + opsPageFile, opsPage())
