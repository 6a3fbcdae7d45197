/** The kernel of a contraction, by the arrangement and schedule that are estimated fastest for the problem on the device. */
import type { Contract } from '../form/index.ts'
import type { Applied } from '../graph/index.ts'
import { problemsOf } from './contract/problem.ts'
import { fastest } from './contract/schedules.ts'
import type { KernelContext, KernelSource } from './kernel.ts'

export const contractKernel = (context: KernelContext, anchor: Applied, form: Contract): KernelSource =>
  fastest(problemsOf(context, anchor, form), context.like)
