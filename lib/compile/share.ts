/**
 * Fewer kernels for small work. Sizes written into a kernel make it fast, but every width then needs a kernel of its own, and a driver
 * takes longer to compile one than small work takes to run. So where kernels of small passes are equal but for their sizes, they become
 * one: sizes that differ are read from the block of sizes, the others stay as they are.
 */
import type { Dim } from '../shape/index.ts'
import type { Pass } from './pass.ts'
import { aboutSize } from './usual.ts'

/**
 * A pass below both is small: its kernel's compilation outlasts it. Above, dividing by a size that is read costs more than compiling does
 * (on lavapipe 8 divisions by a size take 4 ns longer than by a literal, which is most of what a load takes).
 */
const smallFlops = 2e6
const smallBytes = 1e6
const isSmall = (pass: Pass): boolean => aboutSize(pass.flops) < smallFlops && aboutSize(pass.bytes) < smallBytes
/** Packing of weights runs once: constants in it gain nothing. */
const isCopy = (pass: Pass): boolean => pass.flops === 0 && pass.write.buffer.holds.what === 'prepared'

/** A size in a kernel's text: as it is written, and what it is. */
interface Hole {
  readonly text: string
  readonly value: Dim
}
/** The text of a kernel without its block of sizes, cut at the sizes in its body. */
interface Cut {
  readonly parts: readonly string[]
  readonly holes: readonly Hole[]
}
// whole tokens: types with a length in them, sizes by name, identifiers (which may end in digits), numbers of WGSL
const token = /array<[^>]*>|vec4i\(0, 1, 2, 3\)|sizes\.\w+|[A-Za-z_]\w*|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[ufhi]?/g
const block = /struct Sizes \{ (.*) \}\n.*var<uniform> sizes: Sizes;\n/
const cut = ({ wgsl, sizes }: Pass): Cut => {
  const fields = (block.exec(wgsl)?.[1] ?? '').split(', ').map(f => f.split(':')[0] as string)
  const text = wgsl.replace(block, '')
  const body = text.indexOf('{', text.indexOf('fn main('))
  const parts: string[] = []
  const holes: Hole[] = []
  let from = 0
  for (const match of text.slice(body).matchAll(token)) {
    const [found] = match
    const named = found.startsWith('sizes.')
    if (!named && !/^\d+$/.test(found)) continue
    parts.push(text.slice(from, body + match.index))
    holes.push({ text: found, value: named ? (sizes[fields.indexOf(found.slice(6))] as Dim) : Number(found) })
    from = body + match.index + found.length
  }
  return { parts: [...parts, text.slice(from)], holes }
}

/** Passes on one kernel, in place of one for each. */
const merged = (passes: readonly Pass[], cuts: readonly Cut[]): readonly Pass[] => {
  const { parts, holes } = cuts[0] as Cut
  const column = (i: number): readonly Dim[] => cuts.map(c => (c.holes[i] as Hole).value)
  const keys: string[] = []
  const columns: (readonly Dim[])[] = []
  const fields: string[] = []
  const field = (values: readonly Dim[], name: string): string => {
    const key = values.join(';')
    if (!keys.includes(key)) {
      keys.push(key)
      columns.push(values)
      fields.push(name)
    }
    return `sizes.${fields[keys.indexOf(key)] as string}`
  }
  const texts = holes.map((hole, i) => {
    const values = column(i)
    if (values.some(v => v !== hole.value)) return field(values, `size${keys.length}`)
    return hole.text.startsWith('sizes.') ? field(values, hole.text.slice(6)) : hole.text
  })
  const text = parts.map((part, i) => `${part}${texts[i] ?? ''}`).join('')
  const declaration = `struct Sizes { ${fields.map(f => `${f}: i32`).join(', ')} }\n@group(0) @binding(${(passes[0] as Pass).reads.length + 1}) var<uniform> sizes: Sizes;\n`
  const after = text.indexOf('\n', text.indexOf('var<storage, read_write>')) + 1
  const wgsl = text.slice(0, after) + declaration + text.slice(after)
  return passes.map((pass, p) => ({ ...pass, wgsl, sizes: columns.map(values => values[p] as Dim) }))
}

/** The same passes on fewer kernels; large ones that compute keep theirs. */
export const shareKernels = (passes: readonly Pass[]): readonly Pass[] => {
  const groups = new Map<string, { readonly pass: Pass; readonly at: number; readonly cut: Cut }[]>()
  passes.forEach((pass, at) => {
    if (!isSmall(pass) && !isCopy(pass)) return
    const made = cut(pass)
    const key = made.parts.join('#')
    const group = groups.get(key) ?? []
    groups.set(key, [...group, { pass, at, cut: made }])
  })
  const result = [...passes]
  for (const group of groups.values()) {
    if (new Set(group.map(g => g.pass.wgsl)).size < 2) continue
    const one = merged(
      group.map(g => g.pass),
      group.map(g => g.cut),
    )
    one.forEach((pass, i) => (result[(group[i] as { at: number }).at] = pass))
  }
  return result
}
