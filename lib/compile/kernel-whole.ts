/** A kernel that an op writes itself: its text gets its bindings, nothing is fused into it. */
import type { Kernel } from '../form/index.ts'
import type { Applied } from '../graph/index.ts'
import { printModule, type KernelContext, type KernelSource } from './kernel.ts'

export const wholeKernel = (context: KernelContext, node: Applied, form: Kernel): KernelSource => {
  const { profile } = context
  const device = { subgroup: profile.subgroup, maxInvocations: profile.maxInvocations }
  return printModule({ ...context, storageOf: n => (n.kind === 'float' ? 'f32' : 'i32') }, module => {
    const made = form.text(device, d => module.size(d))
    // every input is bound, in order, as x0, x1, …
    const bound = node.inputs.map(n => module.buffer(n).name)
    for (const n of node.inputs) if (made.vectors !== true || n.kind !== 'float') module.narrow.add(n)
    const code = made.code.replaceAll(/\bx(\d+)\b/g, (name, k: string) => bound[Number(k)] ?? name)
    return { body: code, output: { wide: made.vectors === true }, grid: made.grid, enable: made.features ?? [] }
  })
}
