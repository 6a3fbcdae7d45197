/** Where the golden files are: SLUICE_GOLDEN, or ../shared/golden beside the project; tests of them are skipped without. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { either as E } from 'fp-ts'
import type { Door } from '../../lib/errors.ts'

const beside = fileURLToPath(new URL('../../../shared/golden', import.meta.url))
const root = process.env['SLUICE_GOLDEN'] ?? beside

/** A golden folder, or undefined where there is none. */
export const golden = (folder: string): string | undefined =>
  existsSync(`${root}/${folder}`) ? `${root}/${folder}` : undefined

/** A small golden file that is kept with the tests. */
export const kept = (file: string): string => fileURLToPath(new URL(`../golden/${file}`, import.meta.url))

/** What a door gives, or a failed test with the error's message. */
export const opened = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}

/** The error a door gives, or a failed test. */
export const refused = async (door: Door<unknown>): Promise<{ readonly kind: string; readonly message: string }> => {
  const result = await door()
  if (E.isRight(result)) throw new Error('expected an error, found a value')
  return result.left
}
