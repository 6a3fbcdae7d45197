/** A gated MLP on normalised rows, as decoders have it. */
import { inputOf, loosely, type Loose, type Outputs } from 'sluice'
import { add, linear, mul, rmsNorm, silu } from 'sluice/ops'

export const product = (name: string, to: number, x: Loose): Loose => loosely(linear)(name, to, { bias: false })(x)
export const gated = (
  width: number,
  hidden: number,
): { readonly outputs: Outputs; readonly normed: Loose; readonly gate: Loose } => {
  const x = inputOf('x', ['n', width]) as Loose
  const normed = rmsNorm('norm', { eps: 0.25 })(x)
  const gate = silu(product('gate', hidden, normed))
  const y = add(product('down', width, mul(gate, product('up', hidden, normed))), x)
  return { outputs: { y }, normed, gate }
}
