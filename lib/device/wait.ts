/**
 * Waiting for the device. Dawn in Node polls: while a promise of it is open, every turn of the event loop asks again, and a core does
 * nothing else. Where a software driver computes on the same cores that costs a third of the speed. So after a moment of polling each
 * turn sleeps a little. A browser has no `setImmediate` and needs none of this.
 */

/** Turns that poll without sleeping, in milliseconds from when something was last asked for: short runs are answered at once. */
const eager = 2

const cell = typeof SharedArrayBuffer === 'undefined' ? undefined : new Int32Array(new SharedArrayBuffer(4))
let open = 0
let since = 0
let isNapping = false

/** Sleeps `nap` milliseconds in every turn of the event loop until nobody waits. */
const napWhileWaiting = (nap: number): void => {
  const setTurn = (globalThis as { readonly setImmediate?: (turn: () => void) => unknown }).setImmediate
  if (isNapping || setTurn === undefined || cell === undefined) return
  isNapping = true
  const turn = (): void => {
    if (open === 0) {
      isNapping = false
      return
    }
    if (performance.now() - since > eager) Atomics.wait(cell, 0, 0, nap)
    setTurn(turn)
  }
  setTurn(turn)
}

/** The promise itself, awaited without keeping a core busy. `nap` is the longest that its answer may be delayed, in milliseconds. */
export const patiently = async <A>(promise: Promise<A>, nap: number): Promise<A> => {
  // also where something else is waited for: runs may follow one another without a moment between them
  since = performance.now()
  open++
  napWhileWaiting(nap)
  try {
    return await promise
  } finally {
    open--
  }
}
