/** The kernel of a contraction: the first schedule that fits the problem and the device. */
import type { Contract } from '../form/index.ts'
import type { Applied } from '../graph/index.ts'
import { panels, panelsFit } from './contract/panels.ts'
import { problemOf } from './contract/problem.ts'
import { tiles } from './contract/tiles.ts'
import type { KernelContext, KernelSource } from './kernel.ts'

export const contractKernel = (context: KernelContext, anchor: Applied, form: Contract): KernelSource => {
  const problem = problemOf(context, anchor, form)
  return panelsFit(problem) ? panels(problem) : tiles(problem)
}
