/**
 * What is learned from: batches in an order that is fixed beforehand, so that a run can go on from the middle of it. A batch is the feeds
 * of one micro-batch.
 */
import type { Feeds } from '../graph/index.ts'

export interface Batches {
  readonly count: number
  /** the batches from one on, to the last */
  readonly from: (start: number) => AsyncIterable<Feeds>
}

/** Batches made one by one, each from its number alone. */
export const batches = (count: number, at: (k: number) => Feeds | Promise<Feeds>): Batches => ({
  count,
  async *from(start) {
    for (let k = start; k < count; k++) yield await at(k)
  },
})

/** The next batch of an iterator, asked for before the one before it is used: making it and computing with the other go side by side. */
export const ahead = (given: AsyncIterable<Feeds>): (() => Promise<IteratorResult<Feeds>>) => {
  const iterator = given[Symbol.asyncIterator]()
  const ask = (): Promise<IteratorResult<Feeds>> => {
    const asked = iterator.next()
    // told when it is this batch's turn
    asked.catch(() => undefined)
    return asked
  }
  let waiting = ask()
  return () => {
    const now = waiting
    waiting = now.then(ask)
    waiting.catch(() => undefined)
    return now
  }
}
