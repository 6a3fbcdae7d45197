/** What `sluice/ops` gives: the ops of the list in all.ts, and the layers made of them. */
import { isOp, opOf, type Op } from '../lib/index.ts'
import * as all from './all.ts'

export * from './all.ts'
export * from './layers/index.ts'
export * from './training/index.ts'
/** The records of all ops, in the order of the list: what the kit runs through. */
export const ops: readonly Op[] = Object.values(all).filter(isOp).map(opOf)
