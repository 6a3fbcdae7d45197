/**
 * What an impossible graph throws. The sentence has one form everywhere:
 *
 *   concat (n d, m d -> n+m d): axis 'd' is 4096 in input 1 (picture, models/mg-llava.ts:41)
 *     but 2880 in input 2 (objects, models/mg-llava.ts:42). Project the objects first: linear('objects', 4096).
 */
import type { Shape } from './dim.ts'

/** What a rule knows when it refuses: it sees shapes, not where they came from. */
export interface Refusal {
  readonly why: string
  /** the inputs (counted from 0) that clash, the last one to blame */
  readonly inputs?: readonly number[]
  readonly axis?: string | number
  readonly sizes?: readonly (number | string)[]
  readonly next?: string
}

export class ShapeError extends Error {
  readonly op: string
  readonly rule: string
  readonly shapes: readonly Shape[]
  readonly refusal: Refusal
  constructor(op: string, rule: string, shapes: readonly Shape[], refusal: Refusal, message?: string) {
    super(message ?? `${op}${rule === '' ? '' : ` (${rule})`}: ${refusal.why}`)
    this.name = 'ShapeError'
    this.op = op
    this.rule = rule
    this.shapes = shapes
    this.refusal = refusal
  }
}
