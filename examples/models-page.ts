/**
 * Keeps docs/models.md and its pictures true: draws every model on it as SVG, and puts the code of the sources into its blocks. A picture
 * carries the hash of what it was drawn from, and a block the name of its source, so that a test can tell without drawing.
 *
 *   npm run docs:models
 */
import { either as E } from 'fp-ts'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { drawing, graph, input, scope, type DrawingOptions, type Outputs } from 'sluice'
import * as models from 'sluice/models'

const root = new URL('..', import.meta.url)
export const page = 'docs/models.md'

// ---- what is drawn -----------------------------------------------------------------------------------------------------------
interface Picture extends DrawingOptions {
  readonly outputs: Outputs
}
const views = () => ({
  low: input('E_L', [576, 1024]),
  high: input('E_H', [1536, 24, 24]),
  maps: [
    input('stage_0', [192, 192, 192]),
    input('stage_1', [384, 96, 96]),
    input('stage_2', [768, 48, 48]),
    input('E_H', [1536, 24, 24]),
  ],
})
const merging = () => ({
  low: input('E_L', [576, 1024]),
  fused: input('E_F', [576, 1024]),
  features: input('R', ['boxes', 2880]),
  places: input('P', ['boxes', 4]),
})
const projected = (projector: models.Projector, name: string, x: unknown) => scope(name, projector(4096))(x as never)
const fused = (fusion: models.MgParts['fusion'], projector: models.Projector = models.mlp2): Picture => ({
  outputs: { picture: projected(projector, 'projector', fusion(views() as never)) },
})
const merged = (boxes: models.BoxMerging): Picture => {
  const { map, objects } = boxes(merging())
  const picture = projected(models.mlp2, 'projector', map)
  return {
    outputs:
      objects === undefined ? { picture } : { picture, objects: projected(models.mlp2, 'bbox_projector', objects) },
  }
}
const whole = (outputs: Outputs): Picture => ({ outputs, depth: 0 })

/** By path below docs/pictures, without its ending. */
export const pictures: Readonly<Record<string, () => Picture>> = {
  'mg-llava': () => whole(models.mgLlava(models.mgLlavaVicuna7b)),
  'models/mg-llava-phi3': () => whole(models.mgLlava(models.mgLlavaPhi3)),
  'models/mg-llava-vicuna-7b': () => whole(models.mgLlava(models.mgLlavaVicuna7b)),
  'models/mg-llava-llama-3': () => whole(models.mgLlava(models.mgLlavaLlama3)),
  'models/mg-llava-vicuna-13b': () => whole(models.mgLlava(models.mgLlavaVicuna13b)),
  'models/mg-llava-yi-34b': () => whole(models.mgLlava(models.mgLlavaYi34b)),
  'models/no-fusion': () => fused(models.lowOnly),
  'models/conv-gate': () => fused(models.convGate),
  'models/gated-concat': () => fused(models.gatedConcat),
  'models/plain-concat': () => fused(models.plainConcat),
  'models/channel-concat': () => fused(models.channelConcat),
  'models/fast-mlp': () => fused(models.fastMlp),
  'models/patch-info-mining': () => fused(models.patchInfoMining),
  'models/resampler': () => fused(models.bothViews, models.resampler({ heads: 8, side: 24 })),
  'models/no-boxes': () => merged(models.noBoxes),
  'models/concat-boxes': () => merged(models.concatBoxes),
  'models/map-asks-boxes': () => merged(models.mapAsksBoxes),
  'models/boxes-ask-low': () => merged(models.boxesAskMap('low')),
  'models/boxes-ask-fused': () => merged(models.boxesAskMap('fused')),
  'models/llava': () => whole(models.mgLlava(models.llavaVicuna7b)),
  'models/mini-gemini': () => whole(models.mgLlava(models.miniGeminiVicuna7b)),
  'models/mini-gemini-hd': () => whole(models.miniGeminiHd(models.miniGeminiHdVicuna7b)),
  'models/llava-hr': () => whole(models.llavaHr(models.llavaHrVicuna7b)),
  'models/llava-uhd': () =>
    whole(
      models.llavaUhd(models.llavaUhdVicuna13b, models.slicesOf(models.llavaUhdSlices, { width: 672, height: 336 })),
    ),
  'models/video-llava': () => whole(models.videoLlava(models.videoLlavaVicuna7b)),
}

/** The picture carries the hash of its DOT text, since layout is Graphviz's own business. */
const stamp = (dot: string): string => `<!-- drawn from ${createHash('sha256').update(dot).digest('hex')} -->`
export const isCurrent = (svg: string, { outputs, ...options }: Picture): boolean =>
  svg.trimEnd().endsWith(stamp(drawing(outputs, options)))

// ---- what is said in code ----------------------------------------------------------------------------------------------------
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const marked = /<!-- from (\S+?)(?:: ([\w, ]+))? -->\n```ts\n(?:[\s\S]*?\n)?```/g
const imported = /^import (type )?\{([^}]*)\} from '([^']*)'\n/gm
const packages: readonly (readonly [RegExp, string])[] = [
  [/\/lib\/index\.ts$/, 'sluice'],
  [/\/ops\/(layers\/)?index\.ts$/, 'sluice/ops'],
  [/\.ts$/, 'sluice/models'],
]
const packageOf = (path: string): string => packages.find(([ending]) => ending.test(path))![1]
const isUsed = (name: string, code: string): boolean => new RegExp(`(?<![.\\w])${name}\\b`).test(code)

/** A declaration of a source, with the lines that belong to it. */
const declaration = (source: string, name: string): string => {
  const found = new RegExp(`^(?:export )?(?:const|type|interface) ${name}\\b.*\\n(?:[ })\\]].*\\n)*`, 'm').exec(source)
  if (found === null) throw new Error(`no declaration of ${name}`)
  return found[0].trimEnd()
}
const plainName = (name: string): string => name.replace(/^type /, '')
const isType = (name: string): boolean => name.startsWith('type ')
/** Values, then types. */
const byName = (a: string, b: string): number =>
  Number(isType(a)) - Number(isType(b)) || plainName(a).localeCompare(plainName(b), 'en')
/** Imports on lines of at most 120 characters, as the test of pages reads them. */
const importLines = (names: readonly string[], from: string): string[] => {
  const lines: string[][] = []
  for (const name of names) {
    const last = lines.at(-1)
    if (last !== undefined && importLine([...last, name], from).length <= 120) last.push(name)
    else lines.push([name])
  }
  return lines.map(list => importLine(list, from))
}
const importLine = (names: readonly string[], from: string): string => `import { ${names.join(', ')} } from '${from}'`
/** What a block says: the whole source or some of its declarations, and imports of what they use as a user writes them. */
const blockOf = (file: string, names: string | undefined, declared: ReadonlySet<string>): string => {
  const source = read(file)
  const body = source.replace(/^\/\*\*[\s\S]*?\*\/\n/, '').replaceAll(imported, '')
  const code =
    names === undefined
      ? body.trim()
      : names
          .split(', ')
          .map(name => declaration(source, name))
          .join('\n')
  const theirs = [...source.matchAll(imported)].flatMap(([, type = '', list, path]) =>
    list!
      .split(',')
      .map(name => name.trim())
      .filter(name => name !== '')
      .map(name => [`${type}${name}`, packageOf(path!)] as const),
  )
  const own = [...source.matchAll(/^export (?:const|(type|interface)) (\w+)/gm)].map(
    ([, kind, name]) => [kind === undefined ? name! : `type ${name}`, 'sluice/models'] as const,
  )
  const needed = [...theirs, ...own].filter(([name]) => {
    return !declared.has(plainName(name)) && isUsed(plainName(name), code)
  })
  const lines = packages.flatMap(([, from]) => {
    const list = needed.filter(n => n[1] === from).map(([name]) => name)
    return importLines([...new Set(list)].sort(byName), from)
  })
  return `${lines.join('\n')}\n\n${code.replaceAll(/^export /gm, '')}`.trim()
}
/** The page with the code of its sources in its blocks. What it declares itself it does not import. */
export const withSources = (text: string): string => {
  const blocks = [...text.matchAll(marked)].map(([, file, names]) => blockOf(file!, names, new Set()))
  const names = [...blocks.join('\n').matchAll(/^(?:const|type|interface) (\w+)/gm)].map(([, name]) => name!)
  return text.replaceAll(marked, (_, file: string, listed: string | undefined) => {
    const from = listed === undefined ? file : `${file}: ${listed}`
    return `<!-- from ${from} -->\n\`\`\`ts\n${blockOf(file, listed, new Set(names))}\n\`\`\``
  })
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  mkdirSync(new URL('docs/pictures/models', root), { recursive: true })
  for (const [name, picture] of Object.entries(pictures)) {
    const { outputs, ...options } = picture()
    const svg = await graph(outputs, options)()
    if (E.isLeft(svg)) throw new Error(svg.left.message)
    writeFileSync(
      new URL(`docs/pictures/${name}.svg`, root),
      `${svg.right.trimEnd()}\n${stamp(drawing(outputs, options))}\n`,
    )
  }
  writeFileSync(new URL(page, root), withSources(read(page)))
}
