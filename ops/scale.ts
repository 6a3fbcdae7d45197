import { op, pointwiseWith, wgsl } from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'

/** x times a number. */
export const scale: (by: number) => Same = op('scale', {
  args: (by: number): { readonly by: number } => ({ by }),
  rule: '...s -> ...s',
  ...pointwiseWith<{ readonly by: number }>(
    ({ by }) =>
      x =>
        x! * by,
    ({ by }) =>
      x =>
        wgsl`(${x!} * ${by})`,
  ),
  gradient: (dy, { attrs }) => [scale(attrs.by)(dy)],
  sampleAttrs: draw => ({ by: draw.number(-2, 2) }),
})
