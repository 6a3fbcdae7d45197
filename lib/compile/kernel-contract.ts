/** The kernel of a contraction, by the schedule that is estimated fastest for the problem on the device. */
import type { Contract } from '../form/index.ts'
import type { Applied } from '../graph/index.ts'
import { problemOf } from './contract/problem.ts'
import { chooseSchedule } from './contract/schedules.ts'
import type { KernelContext, KernelSource } from './kernel.ts'

export const contractKernel = (context: KernelContext, anchor: Applied, form: Contract): KernelSource => {
  const problem = problemOf(context, anchor, form)
  return chooseSchedule(problem).make(problem)
}
