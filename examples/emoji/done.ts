/** The value of a door, for a program that has nobody to hand an error to: it says what is wrong, and stops. */
import { either as E } from 'fp-ts'
import type { Door } from '../../lib/index.ts'

export const done = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isRight(result)) return result.right
  console.error(result.left.message)
  process.exit(1)
}
