/** Ways to spoil a value that is right, for tests of what is said about it. */

/**
 * A copy of a JSON value in which each path ('boxes.1.2') has the given value; one of undefined is absent once written
 * as JSON.
 */
export const damaged = (value: unknown, changes: Record<string, unknown>): unknown => {
  const copy: unknown = structuredClone(value)
  for (const [path, replacement] of Object.entries(changes)) {
    const steps = path.split('.')
    const last = steps.pop()!
    const parent = steps.reduce(
      (inside, step) => inside[step] as Record<string, unknown>,
      copy as Record<string, unknown>,
    )
    parent[last] = replacement
  }
  return copy
}
