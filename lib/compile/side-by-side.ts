/**
 * Fewer dispatches for work that few workgroups do. A sum over the rows of a large matrix keeps some hundred lanes busy and leaves the
 * rest of a device idle; a step of training has one for every bias. Such passes, where none waits for another, become one pass of several
 * parts: the workgroups of the first, then those of the second. Like sharing (share.ts) it is done on the finished text, so that no form or
 * schedule knows of it.
 */
import { writesOf, type DeviceProfile, type Operand, type Pass } from './pass.ts'

/** Passes of at most so many workgroups that move at least so many bytes: below, compiling the parts together outlasts them. */
const fewWorkgroups = 1024
const muchMemory = 1e6
const mostParts = 4

const isIdle = ({ grid: [x, y, z], bytes, sizes, when, reads, write }: Pass): boolean =>
  typeof x === 'number' &&
  x <= fewWorkgroups &&
  y === 1 &&
  z === 1 &&
  typeof bytes === 'number' &&
  bytes >= muchMemory &&
  sizes.length === 0 &&
  when === undefined &&
  [...reads, write].every(o => o.slice === undefined && o.image !== true)

const idsOf = (operands: readonly Operand[]): readonly number[] => operands.map(o => o.buffer.id)
/** What a pass writes lives longer if it runs earlier: only a small result may. */
const isSmallBeside = ({ write, bytes }: Pass): boolean => {
  const { elements } = write.buffer
  return typeof elements === 'number' && elements * 32 <= Number(bytes)
}
/** May `later` run before `earlier`: does neither write what the other touches? */
const mayPass = (later: Pass, earlier: Pass): boolean => {
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
  /** workgroup size, and how its entry point is called */
  readonly entry: string
  readonly lane: string
  readonly body: string
}
const binding = /^@group\(0\) @binding\(\d+\) var<storage, \w+> (\w+): (array<\w+>);$/
const entryPoint =
  /^(@compute @workgroup_size\(\d+\))\nfn main\(@builtin\(workgroup_id\) group: vec3u, (@builtin\(\w+\)) (\w+): u32\) \{\n([^]*)\}\n$/m
const textOf = ({ wgsl }: Pass): Text | undefined => {
  const entry = entryPoint.exec(wgsl)
  if (entry === null || wgsl.includes('var<workgroup>')) return undefined
  const [, size, builtin, lane, body] = entry as unknown as readonly string[]
  const head = wgsl.slice(0, entry.index).split('\n')
  const bindings = head.flatMap(line => {
    const [, name, type] = binding.exec(line) ?? []
    return name === undefined || type === undefined ? [] : [{ name, type }]
  })
  const rest = head.filter(line => !binding.test(line))
  return {
    enable: rest.filter(line => line.startsWith('enable ')),
    bindings,
    functions: rest
      .filter(line => !line.startsWith('enable '))
      .join('\n')
      .split(/\n(?=fn )/)
      .map(f => f.trim())
      .filter(f => f !== ''),
    entry: `${size} ${builtin}`,
    lane: lane as string,
    body: body as string,
  }
}
const nameOf = (f: string): string => /^fn (\w+)/.exec(f)?.[1] ?? f
/** Do the parts start alike, and mean the same by the same name? */
const goTogether = (texts: readonly Text[]): boolean => {
  const functions = new Set(texts.flatMap(t => t.functions))
  return new Set(texts.map(t => t.entry)).size === 1 && new Set([...functions].map(nameOf)).size === functions.size
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
  const ends = passes.map((_, p) => passes.slice(0, p + 1).reduce((sum, pass) => sum + Number(pass.grid[0]), 0))
  const calls = passes.map((_, p) => {
    const from = p === 0 ? 'at' : `at - ${ends[p - 1]}u`
    const call = `part${p + 1}(vec3u(${from}, 0u, 0u), lane);`
    return p === passes.length - 1 ? `{ ${call} }` : `if (at < ${ends[p]}u) { ${call} }`
  })
  const [size, builtin] = (texts[0] as Text).entry.split(') ').map((part, i) => (i === 0 ? `${part})` : part))
  const lines = [
    ...new Set(texts.flatMap(t => t.enable)),
    ...reads.map(({ name, type }, i) => `@group(0) @binding(${i}) var<storage, read> ${name}: ${type};`),
    ...writes.map(
      ({ type }, p) => `@group(0) @binding(${reads.length + p}) var<storage, read_write> y${p + 1}: ${type};`,
    ),
    ...new Set(texts.flatMap(t => t.functions)),
    '',
    ...bodies,
    '',
    `${size}`,
    `fn main(@builtin(workgroup_id) group: vec3u, ${builtin} lane: u32) {`,
    '  let at = group.y * 32768u + group.x;',
    `  ${calls.join(' else ')}`,
    '}',
    '',
  ]
  const [first, ...others] = writes.map(w => w.operand)
  return {
    label: passes.map(p => p.label).join(', '),
    path: (passes[0] as Pass).path,
    wgsl: lines.join('\n'),
    reads: reads.map(r => r.operand),
    write: first as Operand,
    also: others,
    sizes: [],
    grid: [ends.at(-1) as number, 1, 1],
    features: [...new Set(passes.flatMap(p => p.features))],
    flops: passes.reduce((sum, p) => sum + Number(p.flops), 0),
    bytes: passes.reduce((sum, p) => sum + Number(p.bytes), 0),
  }
}

/** The passes in an order that computes the same, with those that leave a device idle side by side. */
export const sideBySide = (passes: readonly Pass[], { maxStorageBuffers }: DeviceProfile): readonly Pass[] => {
  const texts = new Map(passes.filter(isIdle).map(pass => [pass, textOf(pass)]))
  const taken = new Set<Pass>()
  return passes.flatMap((pass, i): readonly Pass[] => {
    if (taken.has(pass)) return []
    const group = [pass]
    for (const other of texts.get(pass) === undefined ? [] : passes.slice(i + 1)) {
      if (group.length === mostParts) break
      if (taken.has(other) || texts.get(other) === undefined) continue
      const all = [...group, other]
      const bound = new Set(all.flatMap(p => idsOf(p.reads))).size + all.length
      const between = passes.slice(i, passes.indexOf(other)).filter(p => !taken.has(p) || group.includes(p))
      const moves = between.length > group.length
      const joins =
        bound <= maxStorageBuffers &&
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
