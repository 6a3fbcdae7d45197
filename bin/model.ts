/** What the commands that open a checkpoint share. */
import { number, optional, option, positional, string } from 'cmd-ts'

export const folder = positional({ type: string, displayName: 'DIR', description: 'a folder with an mg-llava.json' })
export const depth = option({ long: 'depth', type: optional(number), description: 'how many levels of blocks to open' })

/** An option that is left out where it was not given. */
export const given = <K extends string, A>(name: K, value: A | undefined): { readonly [k in K]?: A } =>
  (value === undefined ? {} : { [name]: value }) as { readonly [k in K]?: A }
