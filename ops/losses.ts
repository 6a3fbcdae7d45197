/** What losses share: they compare two tensors of one shape element by element, then take the mean, the sum, or nothing. */
import { signatureRule, type AnyTensor, type Loose, type Rule, type Shape, type Tensor } from '../lib/index.ts'
import { mean } from './mean.ts'
import { sum } from './sum.ts'

export type Reduced = 'mean' | 'sum' | 'none'
export interface LossAttrs {
  readonly reduction: Reduced
}
/** Two tensors of one shape: a number, or one per element where nothing is reduced. */
export type Loss = <const R extends Reduced = 'mean'>(options?: {
  readonly reduction?: R
}) => <S extends Shape>(x: Tensor<S>, target: Tensor<NoInfer<S>>) => Tensor<R extends 'none' ? S : []>
export const lossAttrs = ({ reduction = 'mean' }: Partial<LossAttrs> = {}): LossAttrs => ({ reduction })
export const lossRule: Rule<LossAttrs> = signatureRule(({ reduction }) =>
  reduction === 'none' ? '...s, ...s -> ...s' : '...s, ...s ->',
)
export const sampleLoss = (draw: { pick: <const T>(c: readonly T[]) => T }): LossAttrs => ({
  reduction: draw.pick(['mean', 'sum', 'none']),
})
/** The losses of all elements, reduced. */
export const reduced = (losses: AnyTensor, reduction: Reduced): AnyTensor => {
  const axes = losses.shape.map((_, k) => k)
  if (reduction === 'none' || axes.length === 0) return losses
  return (reduction === 'mean' ? mean : sum)(...axes)(losses as Loose)
}
