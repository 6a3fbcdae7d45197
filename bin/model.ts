/** What the commands that open a checkpoint share: the folder's arguments, and the model in it. */
import { number, optional, option, positional, string } from 'cmd-ts'
import type { Door } from '../lib/index.ts'
import { nodeFolder } from '../lib/node/files.ts'
import { load, type LoadedMgLlava } from '../models/load/index.ts'

export const folder = positional({ type: string, displayName: 'DIR', description: 'a folder with an mg-llava.json' })
export const depth = option({ long: 'depth', type: optional(number), description: 'how many levels of blocks to open' })

export const loadFrom = (path: string): Door<LoadedMgLlava> => load(nodeFolder(path))
/** An option that is left out where it was not given. */
export const given = <K extends string, A>(name: K, value: A | undefined): { readonly [k in K]?: A } =>
  (value === undefined ? {} : { [name]: value }) as { readonly [k in K]?: A }
