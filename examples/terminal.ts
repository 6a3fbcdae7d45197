/** How programs without a caller speak: they have nobody to hand an error to, so they say what is wrong, and stop. */
import { either as E } from 'fp-ts'
import colours from 'picocolors'
import type { Door } from 'sluice'

export const title = (text: string): void => console.log(`\n── ${colours.bold(text)}`)
/** The value of a door. */
export const done = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isRight(result)) return result.right
  console.error(result.left.message)
  process.exit(1)
}
