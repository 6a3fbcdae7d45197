/** What a program became, for people: its passes one after the other, and its kernels, each once, as WGSL. */
import type { Lowered, Pass } from './pass.ts'

export interface ListingOptions {
  /** only passes whose name or block contains this */
  readonly match?: string
}
const chosen = ({ prepare, passes }: Lowered, { match = '' }: ListingOptions): readonly Pass[] =>
  [...prepare, ...passes].filter(({ label, path }) => label.includes(match) || path.includes(match))
const nameOf = ({ label, path }: Pass): string => (path === '' ? label : `${path}: ${label}`)

/** The kernels in the order of their first use, under a comment that says which passes run each. */
export const listing = (lowered: Lowered, options: ListingOptions = {}): string => {
  const users = new Map<string, Pass[]>()
  for (const pass of chosen(lowered, options)) users.set(pass.wgsl, [...(users.get(pass.wgsl) ?? []), pass])
  const texts = [...users].map(([wgsl, passes]) => {
    const [first, ...more] = passes as [Pass, ...Pass[]]
    const others = more.length === 0 ? '' : `, and ${more.length} more`
    return `// ${nameOf(first)}${others}\n${wgsl.trimEnd()}\n`
  })
  return texts.join('\n')
}
