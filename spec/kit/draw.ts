/**
 * Choices for the kit from fast-check, which shrinks a failing instance to a small one. SLUICE_SEED repeats a run: it is printed with
 * every failure.
 */
import fc, { type GeneratorValue } from 'fast-check'
import type { Draw } from 'sluice'

/** The seed of this run. */
export const seed = Number(process.env.SLUICE_SEED ?? Date.now() % 0x7fffffff)

export const drawFrom = (g: GeneratorValue): Draw => ({
  int: (low, high) => g(fc.integer, { min: low, max: high }),
  size: () => g(fc.integer, { min: 1, max: 7 }),
  pick: choices => choices[g(fc.nat, choices.length - 1)]!,
  number: (low, high) => low + ((g(fc.nat, 0xfffff) + 0.5) / 0x100000) * (high - low),
})
