/** What a program became, for people: its kernels in the order of their use, each once, as WGSL, and what is copied into images before. */
import { copiesBefore, isLasting } from './images.ts'
import type { BufferPlan, Lowered, Pass } from './pass.ts'

export interface ListingOptions {
  /** only passes whose name or block contains this */
  readonly match?: string
}
const chosen = ({ prepare, passes }: Lowered, { match = '' }: ListingOptions): readonly Pass[] =>
  [...prepare, ...passes].filter(({ label, path }) => label.includes(match) || path.includes(match))
const nameOf = ({ label, path }: Pass): string => (path === '' ? label : `${path}: ${label}`)

/** The images that a pass reads: those of weights, which stay, and those that are copied in every run, before the first pass that does. */
const imagesLine = (pass: Pass, copied: readonly BufferPlan[]): string => {
  const read = pass.reads.flatMap(({ image, buffer }) => (image === true ? [buffer] : []))
  if (read.length === 0) return ''
  const said = read.map(buffer => {
    const when = isLasting(buffer) ? ' (made once)' : copied.includes(buffer) ? ' (copied before)' : ''
    return `${buffer.label}${when}`
  })
  return `// from images: ${said.join(', ')}\n`
}

/** The kernels in the order of their first use, under a comment that says which passes run each. */
export const listing = (lowered: Lowered, options: ListingOptions = {}): string => {
  const copies = copiesBefore(lowered.passes)
  const users = new Map<string, Pass[]>()
  for (const pass of chosen(lowered, options)) users.set(pass.wgsl, [...(users.get(pass.wgsl) ?? []), pass])
  const texts = [...users].map(([wgsl, passes]) => {
    const [first, ...more] = passes as [Pass, ...Pass[]]
    const others = more.length === 0 ? '' : `, and ${more.length} more`
    const images = imagesLine(first, copies.get(first)?.map(({ buffer }) => buffer) ?? [])
    return `// ${nameOf(first)}${others}\n${images}${wgsl.trimEnd()}\n`
  })
  return texts.join('\n')
}
