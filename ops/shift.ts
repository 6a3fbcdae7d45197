import { op, pointwiseWith, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'

interface Attrs {
  readonly by: number
}
/** x plus a number. */
export const shift: (by: number) => Same = op('shift', {
  args: (by: number): Attrs => ({ by }),
  rule: '...s -> ...s',
  ...pointwiseWith<Attrs>(
    ({ by }) =>
      x =>
        x! + by,
    ({ by }) =>
      x =>
        wgsl`(${x!} + ${by})`,
  ),
  gradient: dy => [dy],
  sampleAttrs: draw => ({ by: draw.number(-2, 2) }),
})
