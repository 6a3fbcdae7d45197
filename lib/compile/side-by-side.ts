/**
 * Fewer dispatches for work that few workgroups do. A sum over the rows of a large matrix keeps some hundred lanes busy and leaves the
 * rest of a device idle; a step of training has one for every bias, and a token of a language model asks three products of the same row in
 * every layer. Such passes, where none waits for another, become one pass of several parts: the workgroups of the first, then those of the
 * second. Like sharing (share.ts) it is done on the finished text, so that no form or schedule knows of it.
 */
import { size, type Dim } from '../shape/index.ts'
import { writesOf, type DeviceProfile, type Operand, type Pass } from './pass.ts'

/** Passes of at most so many workgroups that move at least so many bytes: below, compiling the parts together outlasts them. */
const fewWorkgroups = 1024
const muchMemory = 1e6
const mostParts = 4

/** How large a size of a pass gets, if it grows with its names: of one for a few rows, what it is for the most of them. */
const mostOf = ({ when }: Pass, d: Dim): number => {
  if (typeof d === 'number') return d
  if (when?.most === undefined || typeof when.size === 'number') return Infinity
  try {
    return size.readDim(d)({ [when.size]: when.most })
  } catch {
    return Infinity
  }
}
const isIdle = (pass: Pass, { tuning }: DeviceProfile): boolean => {
  const [x, y, z] = pass.grid
  return (
    mostOf(pass, x) <= fewWorkgroups &&
    y === 1 &&
    z === 1 &&
    Number.isFinite(mostOf(pass, pass.bytes)) &&
    mostOf(pass, pass.bytes) >= muchMemory &&
    // a device in software has enough to do with one product, and would compile a kernel for them together
    (pass.when === undefined ? pass.sizes.length === 0 : tuning === 'gpu') &&
    // a run may leave a state as it is while others advance
    pass.write.buffer.holds.what !== 'state' &&
    [...pass.reads, pass.write].every(o => o.slice === undefined && o.image !== true)
  )
}

const idsOf = (operands: readonly Operand[]): readonly number[] => operands.map(o => o.buffer.id)
/** What a pass writes lives longer if it runs earlier: only a small result may. */
const isSmallBeside = (pass: Pass): boolean => mostOf(pass, pass.write.buffer.elements) * 32 <= mostOf(pass, pass.bytes)
const areAlike = (a: Pass['when'], b: Pass['when']): boolean =>
  a?.size === b?.size && a?.least === b?.least && a?.most === b?.most
/** Are two passes for different sizes, so that one run has only one of them? */
const isOtherCase = ({ when: a }: Pass, { when: b }: Pass): boolean =>
  a !== undefined &&
  b !== undefined &&
  a.size === b.size &&
  ((a.most ?? Infinity) < (b.least ?? -Infinity) || (b.most ?? Infinity) < (a.least ?? -Infinity))
/** May `later` run before `earlier`: does neither write what the other touches? */
const mayPass = (later: Pass, earlier: Pass): boolean => {
  if (isOtherCase(later, earlier)) return true
  const [writes, before] = [idsOf(writesOf(later)), idsOf(writesOf(earlier))]
  const touched = [...idsOf(later.reads), ...writes]
  return before.every(id => !touched.includes(id)) && idsOf(earlier.reads).every(id => !writes.includes(id))
}

/** A kernel's text in the pieces that are put together anew. */
interface Text {
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
const textOf = ({ wgsl, sizes, when }: Pass): Text | undefined => {
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
const goTogether = (texts: readonly Text[]): boolean => {
  const functions = new Set(texts.flatMap(t => t.functions))
  const fields = new Map(texts.flatMap(t => t.sizes))
  return (
    new Set(texts.map(t => [t.workgroup, t.builtin, ...t.shared].join())).size === 1 &&
    new Set([...functions].map(nameOf)).size === functions.size &&
    texts.every(t => t.sizes.every(([field, is]) => fields.get(field) === is))
  )
}

/** Buffers that the parts bind together: one that is read as numbers and as vectors is bound twice. */
const boundOf = (passes: readonly Pass[], texts: ReadonlyMap<Pass, Text | undefined>): number => {
  const reads = passes.flatMap(p => p.reads.map(({ buffer }, i) => `${buffer.id} ${texts.get(p)?.bindings[i]?.type}`))
  return new Set(reads).size + passes.length
}

/** One pass in place of several. */
const together = (passes: readonly Pass[], texts: readonly Text[]): Pass => {
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

/** The passes in an order that computes the same, with those that leave a device idle side by side. */
export const sideBySide = (passes: readonly Pass[], profile: DeviceProfile): readonly Pass[] => {
  const texts = new Map(passes.filter(pass => isIdle(pass, profile)).map(pass => [pass, textOf(pass)]))
  const taken = new Set<Pass>()
  return passes.flatMap((pass, i): readonly Pass[] => {
    if (taken.has(pass)) return []
    const group = [pass]
    for (const other of texts.get(pass) === undefined ? [] : passes.slice(i + 1)) {
      if (group.length === mostParts) break
      if (taken.has(other) || texts.get(other) === undefined) continue
      if (!areAlike(pass.when, other.when)) continue
      const all = [...group, other]
      const between = passes.slice(i, passes.indexOf(other)).filter(p => !taken.has(p) || group.includes(p))
      const moves = between.length > group.length
      const joins =
        boundOf(all, texts) <= profile.maxStorageBuffers &&
        (!moves || isSmallBeside(other)) &&
        between.every(p => mayPass(other, p)) &&
        goTogether(all.map(p => texts.get(p) as Text))
      if (joins) {
        group.push(other)
        taken.add(other)
      }
    }
    return group.length === 1
      ? group
      : [
          together(
            group,
            group.map(p => texts.get(p) as Text),
          ),
        ]
  })
}
