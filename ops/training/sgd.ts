import { constantRate, type Loose, type Optimizer, type Schedule } from '../../lib/index.ts'
import { add } from '../add.ts'
import { scale } from '../scale.ts'
import { sub } from '../sub.ts'
import { optimizer, times } from './optimizer.ts'

export interface SgdOptions {
  /** the learning rate, throughout or by schedule */
  readonly lr: number | Schedule
  readonly momentum?: number
  /** looks ahead by the momentum. Sutskever et al., 2013. */
  readonly nesterov?: boolean
  readonly weightDecay?: number
}
/**
 * Gradient descent as torch.optim.SGD computes it, without dampening: weight decay is added to the gradient, and with momentum a sum
 * b <- momentum · b + gradient takes its place. Slot `momentum_buffer`, where there is momentum.
 */
export const sgd = ({ lr, momentum = 0, nesterov = false, weightDecay = 0 }: SgdOptions): Optimizer => {
  const schedule = typeof lr === 'number' ? constantRate(lr) : lr
  const numbers = ({ rate }: { readonly rate: number }) => ({ rate })
  const decayed = (parameter: Loose, gradient: Loose): Loose =>
    weightDecay === 0 ? gradient : (add(gradient, scale(weightDecay)(parameter)) as Loose)
  const moved = (parameter: Loose, by: Loose, rate: Loose): Loose => sub(parameter, times(by, rate)) as Loose
  if (momentum === 0)
    return optimizer(schedule, {
      slots: [],
      numbers,
      nextSlots: () => ({}),
      next: ({ parameter, gradient, numbers: { rate } }) => moved(parameter, decayed(parameter, gradient), rate),
    })
  return optimizer(schedule, {
    slots: ['momentum_buffer'],
    numbers,
    nextSlots: ({ parameter, gradient, slots: { momentum_buffer } }) => ({
      momentum_buffer: add(scale(momentum)(momentum_buffer), decayed(parameter, gradient)) as Loose,
    }),
    next: ({ parameter, gradient, slots: { momentum_buffer }, numbers: { rate } }) => {
      const own = decayed(parameter, gradient)
      const by = nesterov ? (add(own, scale(momentum)(momentum_buffer)) as Loose) : momentum_buffer
      return moved(parameter, by, rate)
    },
  })
}
