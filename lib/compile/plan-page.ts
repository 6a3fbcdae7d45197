/** A memory plan for people. */
import { showBytes, showSizes } from './limits.ts'
import type { MemoryPlan } from './memory.ts'

/** The plan on one page: what needs how much, and what reuse saved. */
export const describePlan = (plan: MemoryPlan): string => {
  const { weights, prepared, states, tables, work, images, transfer, total } = plan.memory
  const pools = plan.pools.map(showBytes).join(' + ') || 'no pools'
  const rows: readonly (readonly [string, number, string])[] = [
    ['weights', weights, ''],
    ['packed weights', prepared, ''],
    ['states', states, 'stay from run to run'],
    ['tables', tables, ''],
    ['work', work, `${pools}; ${showBytes(plan.live)} in use at most, ${showBytes(plan.unshared)} without reuse`],
    ['images', images, 'copies of what products read, shared like work'],
    ['transfer', transfer, 'read-back and named sizes'],
    ['total', total, ''],
  ]
  const lines = rows
    .filter(([name, bytes]) => bytes > 0 || name === 'total')
    .map(([name, bytes, note]) => `  ${name.padEnd(15)} ${showBytes(bytes).padStart(10)}  ${note}`.trimEnd())
  const sizes = showSizes(plan.sizes)
  return [sizes === '' ? 'memory' : `memory for ${sizes}`, ...lines].join('\n')
}
