import { expect, it } from 'vitest'
import { patiently } from '../../lib/device/wait.ts'

/** A promise of a device that answers within a few turns of the event loop. */
const soon = (turns: number): Promise<void> =>
  new Promise(resolve => {
    const turn = (left: number): unknown => (left === 0 ? resolve() : setImmediate(() => turn(left - 1)))
    turn(turns)
  })

it('answers what takes a moment at once, however long it has waited for others just before', async () => {
  const nap = 100
  const since = performance.now()
  for (let wait = 0; wait < 100; wait++) await patiently(soon(5), nap)
  expect(performance.now() - since).toBeLessThan(10 * nap)
})

it('answers what takes a moment at once while something else takes long', async () => {
  const nap = 100
  let answer = (): void => {}
  const long = patiently(new Promise<void>(resolve => (answer = resolve)), nap)
  const since = performance.now()
  for (let wait = 0; wait < 30; wait++) await patiently(soon(5), nap)
  expect(performance.now() - since).toBeLessThan(10 * nap)
  answer()
  await long
})

it('sleeps while something takes long', async () => {
  let turns = 0
  let open = true
  const count = (): void => {
    turns++
    if (open) setImmediate(count)
  }
  count()
  await patiently(new Promise(resolve => setTimeout(resolve, 200)), 20)
  open = false
  // 2 ms of turns without sleep, and one each 20 ms from then on
  const quick = turns
  turns = 0
  open = true
  count()
  await new Promise(resolve => setTimeout(resolve, 200))
  open = false
  expect(quick).toBeLessThan(turns / 3)
})
