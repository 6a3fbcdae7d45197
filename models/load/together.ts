/** Doors opened at once: all values by name, or everything that is wrong in one error. */
import { either as E } from 'fp-ts'
import { several, type Door, type SluiceError } from '../../lib/errors.ts'

type Opened<D extends Readonly<Record<string, Door<unknown>>>> = {
  readonly [K in keyof D]: D[K] extends Door<infer A> ? A : never
}
export const together =
  <D extends Readonly<Record<string, Door<unknown>>>>(doors: D): Door<Opened<D>> =>
  async () => {
    const names = Object.keys(doors)
    const results = await Promise.all(names.map(name => doors[name]!()))
    const wrong = results.flatMap(result => (E.isLeft(result) ? [result.left] : []))
    if (wrong.length > 0) return E.left(allOf(wrong))
    const values = results.flatMap(result => (E.isRight(result) ? [result.right] : []))
    return E.right(Object.fromEntries(names.map((name, i) => [name, values[i]])) as Opened<D>)
  }

/** One error of many; those that travel together are told one by one, each once. */
export const allOf = (errors: readonly SluiceError[]): SluiceError => {
  const flat = errors.flatMap(error => (error.kind === 'several' ? error.errors : [error]))
  const [first, ...rest] = flat.filter((e, i) => flat.findIndex(other => other.message === e.message) === i)
  return several([first!, ...rest])
}
