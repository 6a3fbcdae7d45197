/**
 * Op goldens: one folder holds many cases, `cases.json` lists them and `refused.json` the graphs that must not build.
 * Gradients are those of `pullback`, with the cotangents of the case. On a device the cases of one op share programs,
 * since compiling a kernel takes longer than running it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  indexInput,
  inputOf,
  nodeOf,
  asTensor,
  pullback,
  ShapeError,
  value,
  type AnyTensor,
  type Kind,
  type Loose,
  type Value,
} from '../../../lib/index.ts'
import { exactly, firstDivergence, judged, Unsupported, type GoldenCase, type Stage, type Verdict } from '../judge.ts'
import type { Machine } from '../machine.ts'
import { goldenTensors, type GoldenTensor } from '../tensors.ts'
import { entryOf, type Attributes, type GraphEntry } from './op-table.ts'

interface Listed {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
}
interface Limited {
  readonly name: string
  readonly atol: number
  readonly rtol: number
}
interface OpCase {
  readonly op: string
  readonly name: string
  readonly attrs: Attributes
  readonly inputs: readonly Listed[]
  readonly outputs: readonly (Listed & Limited)[]
  readonly cots: readonly string[]
  readonly grads: readonly Limited[]
  readonly flags: readonly string[]
}
interface RefusedCase {
  readonly op: string
  readonly name: string
  readonly attrs: Attributes
  readonly inputs: readonly Listed[]
  readonly why: string
  readonly at: { readonly sizes: readonly number[] }
}
interface Folder {
  readonly files: Readonly<Record<string, { readonly file: string }>>
  readonly cases: readonly OpCase[]
  readonly refused: readonly RefusedCase[]
}
const json = (file: string): Record<string, never> => JSON.parse(readFileSync(file, 'utf8')) as Record<string, never>

const folders = new Map<string, Folder>()
const folderOf = (folder: string): Folder => {
  const known = folders.get(folder)
  if (known !== undefined) return known
  const { ops, cases } = json(join(folder, 'cases.json'))
  const refusals = join(folder, 'refused.json')
  const made: Folder = {
    files: ops!,
    cases: cases!,
    refused: existsSync(refusals) ? json(refusals).refused! : [],
  }
  folders.set(folder, made)
  return made
}

/** The cases of a folder, if it holds any. */
export const casesIn = (folder: string, name: string): readonly GoldenCase[] => {
  if (!existsSync(join(folder, 'cases.json'))) return []
  const { cases, refused } = folderOf(folder)
  const one = (group: string, ...within: readonly string[]): GoldenCase => ({
    area: 'ops',
    folder,
    within,
    name: [name, ...within].join('/'),
    group: `${name}/${group}`,
  })
  return [
    ...cases.map(({ op, name: last }) => one(op, op, last)),
    ...refused.map(({ op, name: last }) => one('refused', 'refused', op, last)),
  ]
}

/** Verdicts of the cases of one group. */
export const check = async (cases: readonly GoldenCase[], machine: Machine): Promise<readonly Verdict[]> => {
  const { folder } = cases[0]!
  const { cases: all, refused, files } = folderOf(folder)
  if (cases[0]!.within[0] === 'refused') {
    const chosen = cases.map(({ within: [, op, name] }) => refused.find(c => c.op === op && c.name === name)!)
    return Promise.all(chosen.map(c => judged(() => refusal(c))))
  }
  const chosen = cases.map(({ within: [op, name] }) => all.find(c => c.op === op && c.name === name)!)
  const tensors = goldenTensors(join(folder, files[chosen[0]!.op]!.file))
  const ready = await Promise.all(chosen.map((c, k) => prepared(c, tensors, `${k}`, machine)))
  await runTogether(
    ready.filter((p): p is Planned => 'outputs' in p),
    machine,
  )
  return Promise.all(ready.map(p => ('outputs' in p ? judged(async () => judgement(p)) : p)))
}

// ---- building ------------------------------------------------------------------------------------------------------
/** A case that is ready to run, and after that its results. */
interface Planned {
  readonly golden: OpCase
  readonly tensors: ReadonlyMap<string, GoldenTensor>
  /** outputs and gradients by stage */
  readonly outputs: Readonly<Record<string, AnyTensor>>
  readonly feeds: Readonly<Record<string, Value>>
  results?: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: ArrayLike<number> }>>
  error?: Error
}

const kindOf = ({ name, dtype }: Listed, entry: GraphEntry): Kind =>
  dtype !== 'I32' ? 'float' : entry.truth.includes(name) ? 'truth' : 'index'
const source = (name: string, shape: readonly number[], kind: Kind): Loose => {
  if (kind === 'index') return indexInput<readonly number[]>(name, shape as never) as unknown as Loose
  const made = inputOf(name, shape)
  return kind === 'float' ? (made as Loose) : asTensor<Loose>(Object.freeze({ ...nodeOf(made), kind }))
}
const asValue = (x: GoldenTensor, kind: Kind): Value =>
  value(x.shape, x.data instanceof Float32Array ? x.data : Int32Array.from(x.data), kind)

const build = async (entry: GraphEntry, inputs: readonly Listed[], attrs: Attributes, given: Given, prefix: string) => {
  const sources = Object.fromEntries(
    inputs.map(i => [i.name, source(`${prefix}${i.name}`, i.shape, kindOf(i, entry))] as const),
  )
  const made = await entry.graph(sources, attrs, given)
  const outputs = ('role' in made ? { y: made } : made) as Readonly<Record<string, AnyTensor>>
  return { sources, outputs }
}
type Given = Readonly<Record<string, GoldenTensor>>
/** The inputs of the graph: those of the case, decoded where they are bytes. */
const decoded = (
  entry: GraphEntry,
  inputs: readonly Listed[],
  given: Given,
): { listed: readonly Listed[]; given: Given } => {
  if (entry.decode === undefined) return { listed: inputs, given }
  const more = entry.decode(given)
  const kept = inputs.filter(i => i.name === 'x')
  const listed = [...kept, ...Object.entries(more).map(([name, { dtype, shape }]) => ({ name, dtype, shape }))]
  return { listed, given: { ...given, ...more } }
}

const promised = (golden: OpCase, machine: Machine): boolean =>
  machine.strict || !golden.flags.some(flag => flag === 'nonfinite' || flag === 'subnormal')

const prepared = async (
  golden: OpCase,
  tensors: ReadonlyMap<string, GoldenTensor>,
  number: string,
  machine: Machine,
): Promise<Planned | Verdict> => {
  let planned: Planned | undefined
  const verdict = await judged(async () => {
    const { op, name, attrs } = golden
    if (!promised(golden, machine)) throw new Unsupported(`${golden.flags.join(', ')}: not promised by WGSL`)
    const of = (role: string, which: string): GoldenTensor => tensors.get(`${name}/${role}/${which}`)!
    const raw = Object.fromEntries(golden.inputs.map(i => [i.name, of('in', i.name)]))
    const entry = entryOf(op)
    if ('host' in entry) {
      if (machine.name === 'gpu') throw new Unsupported('runs on the host')
      planned = { golden, tensors, outputs: {}, feeds: {}, results: entry.host(raw, attrs) }
      return undefined
    }
    const { listed, given } = decoded(entry, golden.inputs, raw)
    const prefix = `${number}_`
    const { sources, outputs } = await build(entry, listed, attrs, given, prefix)
    const feeds: Record<string, Value> = {}
    for (const i of listed) feeds[`${prefix}${i.name}`] = asValue(given[i.name]!, kindOf(i, entry))
    const stages: Record<string, AnyTensor> = Object.fromEntries(
      golden.outputs.map(o => [`${number}/out/${o.name}`, outputs[o.name]!]),
    )
    if (golden.grads.length > 0) {
      const cotangents = golden.cots.map(c => source(`${prefix}cot_${c}`, of('cot', c).shape, 'float'))
      golden.cots.forEach(c => (feeds[`${prefix}cot_${c}`] = asValue(of('cot', c), 'float')))
      const made = pullback(
        golden.cots.map(c => outputs[c]!),
        cotangents,
        golden.grads.map(g => sources[g.name]!),
      )
      golden.grads.forEach((g, k) => (stages[`${number}/grad/${g.name}`] = made[k]!))
    }
    planned = { golden, tensors, outputs: stages, feeds: needed(stages, feeds) }
    return undefined
  })
  return planned ?? verdict
}
/** An input that nothing reads is not an input of the program. */
const needed = (
  outputs: Readonly<Record<string, AnyTensor>>,
  feeds: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> => {
  const read = new Set<string>()
  const seen = new Set<object>()
  const stack = Object.values(outputs).map(nodeOf)
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    if (node.role === 'input') read.add(node.name)
    stack.push(...node.inputs)
  }
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => read.has(name)))
}

// ---- running -------------------------------------------------------------------------------------------------------
/** Cases in one program on a device. */
const most = 16
const runTogether = async (planned: readonly Planned[], machine: Machine): Promise<void> => {
  const waiting = planned.filter(p => p.results === undefined)
  const step = machine.name === 'gpu' ? most : 1
  for (let from = 0; from < waiting.length; from += step) await run(waiting.slice(from, from + step), machine)
}
const run = async (batch: readonly Planned[], machine: Machine): Promise<void> => {
  try {
    const outputs = Object.assign({}, ...batch.map(p => p.outputs)) as Planned['outputs']
    const feeds = Object.assign({}, ...batch.map(p => p.feeds)) as Planned['feeds']
    const results = await machine.run(outputs, feeds)
    for (const p of batch) p.results = results
  } catch (error) {
    // one bad case must not hide the others
    if (batch.length > 1) for (const p of batch) await run([p], machine)
    else batch[0]!.error = error as Error
  }
}

const judgement = ({ golden, tensors, outputs, results, error }: Planned): string | undefined => {
  if (error !== undefined) throw error
  const got = (role: string, name: string): Stage['got'] => {
    const key = Object.keys(outputs).find(k => k.endsWith(`/${role}/${name}`)) ?? name
    return results![key]!
  }
  const stage = (role: string, { name, atol, rtol }: Limited): Stage => {
    const wanted = tensors.get(`${golden.name}/${role}/${name}`)!
    const result = got(role, name)
    // any pattern of a 16-bit not-a-number equals any other
    const both = golden.op.startsWith('to_')
      ? { wanted: oneNaN(wanted, golden.op), got: oneNaN(result, golden.op) }
      : { wanted, got: result }
    return {
      stage: role === 'out' ? `output ${name}` : `gradient of ${name}`,
      ...both,
      limits: { ...exactly, atol, rtol },
    }
  }
  return firstDivergence([...golden.outputs.map(o => stage('out', o)), ...golden.grads.map(g => stage('grad', g))])
}
const oneNaN = <T extends Stage['got']>(x: T, op: string): T => {
  const infinity = op === 'to_f16' ? 0x7c00 : 0x7f80
  return { ...x, data: Array.from(x.data, bits => ((bits & 0x7fff) > infinity ? 0x7fff : bits)) }
}

// ---- refusals ------------------------------------------------------------------------------------------------------
const refusal = async ({ op, attrs, inputs, why, at }: RefusedCase): Promise<string | undefined> => {
  const zeros = ({ dtype, shape }: Listed): GoldenTensor => {
    const count = shape.reduce((a, b) => a * b, 1)
    const data =
      dtype === 'F32' ? new Float32Array(count) : dtype === 'I32' ? new Int32Array(count) : new Uint8Array(count)
    return { dtype, shape, data }
  }
  const entry = entryOf(op)
  try {
    const given = Object.fromEntries(inputs.map(i => [i.name, zeros(i)]))
    if ('host' in entry) entry.host(given, attrs)
    else {
      const d = decoded(entry, inputs, given)
      await build(entry, d.listed, attrs, d.given, '')
    }
  } catch (error) {
    if (error instanceof Unsupported) throw error
    if (!(error instanceof ShapeError))
      return `refused with ${(error as Error).name}, not with a ShapeError: ${(error as Error).message}`
    const absent = at.sizes.filter(n => !new RegExp(`(?<![0-9])${n}(?![0-9])`).test(error.message))
    return absent.length === 0 ? undefined : `the refusal does not show ${absent.join(', ')}: ${error.message}`
  }
  return `it was built, though ${why}`
}
