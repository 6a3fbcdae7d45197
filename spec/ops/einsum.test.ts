import { expect, it } from 'vitest'
import { input, loosely } from 'sluice'
import { einsum } from 'sluice/ops'

it('refuses a group of axes, of inputs or of the product, and says what to write', () => {
  const [a, b] = [input('a', [2, 3, 4]), input('b', [5, 4])]
  for (const pattern of ['p n w, v w -> (p n) v', '(p q) n w, v w -> p q n v'])
    expect(() => loosely(einsum)(pattern)(a, b)).toThrow(
      /einsum .*a product does not group axes, as '\(p [nq]\)' does: rearrange its inputs before/,
    )
})
