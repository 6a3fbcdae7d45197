import { constantRate, type Loose, type Optimizer, type Schedule } from '../../lib/index.ts'
import { add } from '../add.ts'
import { div } from '../div.ts'
import { mul } from '../mul.ts'
import { scale } from '../scale.ts'
import { shift } from '../shift.ts'
import { sqrt } from '../sqrt.ts'
import { sub } from '../sub.ts'
import { optimizer, times } from './optimizer.ts'

export interface AdamWOptions {
  /** the learning rate, throughout or by schedule */
  readonly lr: number | Schedule
  readonly betas?: readonly [number, number]
  readonly eps?: number
  readonly weightDecay?: number
}
/**
 * Adam with decay of its own, as torch.optim.AdamW computes it: with m and v running means of the gradient and of its square,
 * p (1 - lr wd) - lr / (1 - β1^t) · m / (sqrt(v) / sqrt(1 - β2^t) + eps). Slots `exp_avg` and `exp_avg_sq`. Without weight decay unless
 * said. Loshchilov & Hutter, Decoupled weight decay regularization, 2019.
 */
export const adamW = ({ lr, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 }: AdamWOptions): Optimizer => {
  const [first, second] = betas
  return optimizer(typeof lr === 'number' ? constantRate(lr) : lr, {
    slots: ['exp_avg', 'exp_avg_sq'],
    numbers: ({ step, rate }) => ({
      kept: 1 - rate * weightDecay,
      size: rate / (1 - first ** step),
      root: 1 / Math.sqrt(1 - second ** step),
    }),
    nextSlots: ({ gradient, slots: { exp_avg, exp_avg_sq } }) => ({
      exp_avg: add(scale(first)(exp_avg), scale(1 - first)(gradient)) as Loose,
      exp_avg_sq: add(scale(second)(exp_avg_sq), scale(1 - second)(mul(gradient, gradient))) as Loose,
    }),
    next: ({ parameter, slots: { exp_avg, exp_avg_sq }, numbers: { kept, size, root } }) => {
      const spread = shift(eps)(times(sqrt(exp_avg_sq) as Loose, root)) as Loose
      const decayed = weightDecay === 0 ? parameter : times(parameter, kept)
      return sub(decayed, times(div(exp_avg, spread) as Loose, size)) as Loose
    },
  })
}
