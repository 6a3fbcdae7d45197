/**
 * A memory for a decoder (a key-value cache): keys and values of every token that was read stay on the device, so that the next token
 * costs one token. It is the same decoder, with another way for queries to meet keys: `transform(c, remembering(capacity, position))`.
 *
 * The states are `k` and `v` of every layer's `self_attn`, each named as what it becomes, so that `updates` finds the pairs.
 */
import { loosely, named, state, type AnyTensor, type Index, type Loose } from '../lib/index.ts'
import { attention, rearrange, updateSlice } from '../ops/index.ts'
import type { Attend } from './llama.ts'

/**
 * Attends to up to `capacity` tokens, those of earlier runs with them. `position` [1] is how many were read before: keys and values of
 * these tokens are written from there on, and what stood there is forgotten. Slots beyond are later than every query, and hidden: they may
 * hold any numbers. That position + tokens <= capacity is the caller's to keep. Leading axes are literal sizes.
 */
export const remembering = (capacity: number, position: Index<[1]>): Attend => {
  const first = loosely(rearrange)('1 -> ')(position)
  const kept = (name: string, x: AnyTensor): Loose => {
    const held = state(name, [...x.shape.slice(0, -2), capacity, x.shape.at(-1)!])
    return named(name)(loosely(updateSlice)(-2)(held, x, position))
  }
  return (q, k, v) => loosely(attention)({ causal: true, offset: 'given' })(q, kept('k', k), kept('v', v), first)
}
