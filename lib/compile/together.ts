/**
 * One pass in place of several: their kernels' texts put together, the workgroups of the first, then those of the second (side-by-side.ts).
 */
import { size, type Dim } from '../shape/index.ts'
import { type Operand, type Pass } from './pass.ts'

/** A kernel's text in the pieces that are put together anew. */
export interface Text {
  readonly enable: readonly string[]
  /** names and types of what it binds, in order */
  readonly bindings: readonly { readonly name: string; readonly type: string }[]
  readonly functions: readonly string[]
  /** its workgroup memory */
  readonly shared: readonly string[]
  /** named sizes that it reads, and what they are */
  readonly sizes: readonly (readonly [field: string, is: Dim])[]
  readonly workgroup: string
  /** what its lanes are counted by, and what it calls that */
  readonly builtin: string
  readonly lane: string
  readonly body: string
}
const binding = /^@group\(0\) @binding\(\d+\) var<storage, \w+> (\w+): (array<\w+>);$/
const entryPoint =
  /^(@compute @workgroup_size\(\d+\))\nfn main\(@builtin\(workgroup_id\) group: vec3u, (@builtin\(\w+\)) (\w+): u32\) \{\n([^]*)\}\n$/m
const sizesBlock = /^struct Sizes \{ (.*) \}$/
const uniform = /^@group\(0\) @binding\(\d+\) var<uniform> sizes: Sizes;$/
/** Does a function read or write a binding? Its name may be a parameter's as well. */
const touches = (f: string, { name }: Text['bindings'][number]): boolean =>
  new RegExp(`\\b${name}(_at)?\\s*[[(]`).test(f)
/** The pieces of a kernel that can be put together with others; undefined where it is not written so that it can. */
export const textOf = ({ wgsl, sizes, when }: Pass): Text | undefined => {
  const entry = entryPoint.exec(wgsl)
  if (entry === null) return undefined
  const [, workgroup, builtin, lane, body] = entry as unknown as readonly string[]
  const head = wgsl.slice(0, entry.index).split('\n')
  const bindings = head.flatMap(line => {
    const [, name, type] = binding.exec(line) ?? []
    return name === undefined || type === undefined ? [] : [{ name, type }]
  })
  const fields = head.flatMap(line => sizesBlock.exec(line)?.[1]?.split(', ') ?? [])
  const shared = head.filter(line => line.startsWith('var<workgroup>'))
  const enable = head.filter(line => line.startsWith('enable '))
  const known = new Set([...shared, ...enable])
  const rest = head.filter(l => !known.has(l) && ![binding, sizesBlock, uniform].some(pattern => pattern.test(l)))
  const functions = rest
    .join('\n')
    .split(/\n(?=fn )/)
    .map(f => f.trim())
    .filter(f => f !== '')
  // names of bindings are made anew in bodies alone; and tiles that share memory keep a device busy unless they are of few rows
  if (functions.some(f => bindings.some(b => touches(f, b))) || (shared.length > 0 && when === undefined))
    return undefined
  return {
    enable,
    bindings,
    shared,
    sizes: fields.map((field, i) => [field.split(':')[0] as string, sizes[i] as Dim]),
    functions,
    workgroup: workgroup as string,
    builtin: builtin as string,
    lane: lane as string,
    body: body as string,
  }
}
const nameOf = (f: string): string => /^fn (\w+)/.exec(f)?.[1] ?? f
/** Do the parts start alike, in the same memory of a workgroup, and mean the same by the same name? */
export const goTogether = (texts: readonly Text[]): boolean => {
  const functions = new Set(texts.flatMap(t => t.functions))
  const fields = new Map(texts.flatMap(t => t.sizes))
  return (
    new Set(texts.map(t => [t.workgroup, t.builtin, ...t.shared].join())).size === 1 &&
    new Set([...functions].map(nameOf)).size === functions.size &&
    texts.every(t => t.sizes.every(([field, is]) => fields.get(field) === is))
  )
}

/** Buffers that the parts bind together: one that is read as numbers and as vectors is bound twice. */
export const boundOf = (passes: readonly Pass[], texts: ReadonlyMap<Pass, Text>): number => {
  const reads = passes.flatMap(p => p.reads.map(({ buffer }, i) => `${buffer.id} ${texts.get(p)?.bindings[i]?.type}`))
  return new Set(reads).size + passes.length
}

/** One pass in place of several. */
export const together = (passes: readonly Pass[], texts: readonly Text[]): Pass => {
  const reads: { readonly operand: Operand; readonly name: string; readonly type: string }[] = []
  const bodies = passes.map((pass, p) => {
    const { bindings, body, lane } = texts[p] as Text
    const names = new Map(
      bindings.map(({ name, type }, i): [string, string] => {
        const operand = pass.reads[i]
        if (operand === undefined) return [name, `y${p + 1}`]
        const known = reads.find(r => r.operand.buffer === operand.buffer && r.type === type)
        if (known !== undefined) return [name, known.name]
        reads.push({ operand, name: `x${reads.length + 1}`, type })
        return [name, `x${reads.length}`]
      }),
    )
    // a binding's name, but not the part of a vector that is called like it
    const renamed = body.replace(/(?<![.\w])[A-Za-z_]\w*/g, word => names.get(word) ?? word)
    return `fn part${p + 1}(group: vec3u, ${lane}: u32) {\n${renamed}}`
  })
  const writes = passes.map((pass, p) => ({
    operand: pass.write,
    type: (texts[p] as Text).bindings.at(-1)?.type ?? '',
  }))
  const ends = passes.map((_, p) => size.sum(passes.slice(0, p + 1).map(pass => pass.grid[0])))
  const fields = new Map(texts.flatMap(t => t.sizes))
  const endText = (p: number): string => {
    const end = ends[p] as Dim
    if (typeof end === 'number') return `${end}u`
    // no name of a size ends so
    fields.set(`end${p + 1}_`, end)
    return `u32(sizes.end${p + 1}_)`
  }
  const calls = passes.map((_, p) => {
    const from = p === 0 ? 'at' : `at - ${endText(p - 1)}`
    const call = `part${p + 1}(vec3u(${from}, 0u, 0u), lane);`
    return p === passes.length - 1 ? `{ ${call} }` : `if (at < ${endText(p)}) { ${call} }`
  })
  const { workgroup, builtin, shared } = texts[0] as Text
  const lines = [
    ...new Set(texts.flatMap(t => t.enable)),
    ...reads.map(({ name, type }, i) => `@group(0) @binding(${i}) var<storage, read> ${name}: ${type};`),
    ...writes.map(
      ({ type }, p) => `@group(0) @binding(${reads.length + p}) var<storage, read_write> y${p + 1}: ${type};`,
    ),
    ...(fields.size === 0
      ? []
      : [
          `struct Sizes { ${[...fields.keys()].map(field => `${field}: i32`).join(', ')} }`,
          `@group(0) @binding(${reads.length + writes.length}) var<uniform> sizes: Sizes;`,
        ]),
    ...new Set(texts.flatMap(t => t.functions)),
    ...shared,
    '',
    ...bodies,
    '',
    workgroup,
    `fn main(@builtin(workgroup_id) group: vec3u, ${builtin} lane: u32) {`,
    '  let at = group.y * 32768u + group.x;',
    `  ${calls.join(' else ')}`,
    '}',
    '',
  ]
  const [first, ...others] = writes.map(w => w.operand)
  const { when } = passes[0] as Pass
  return {
    label: passes.map(p => p.label).join(', '),
    path: (passes[0] as Pass).path,
    wgsl: lines.join('\n'),
    reads: reads.map(r => r.operand),
    write: first as Operand,
    also: others,
    sizes: [...fields.values()],
    grid: [ends.at(-1) as Dim, 1, 1],
    ...(when === undefined ? {} : { when }),
    features: [...new Set(passes.flatMap(p => p.features))],
    flops: size.sum(passes.map(p => p.flops)),
    bytes: size.sum(passes.map(p => p.bytes)),
  }
}
