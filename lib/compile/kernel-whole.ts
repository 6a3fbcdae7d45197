/** A kernel that an op writes itself: its text gets its bindings, nothing is fused into it. */
import type { Kernel } from '../form/index.ts'
import type { Applied, Node } from '../graph/index.ts'
import { printModule, type KernelContext, type KernelSource } from './kernel.ts'
import type { Module } from './wgsl.ts'

export const wholeKernel = (context: KernelContext, node: Applied, form: Kernel): KernelSource => {
  const { profile } = context
  const device = { subgroup: profile.subgroup, maxInvocations: profile.maxInvocations }
  const images = new Set(profile.imageRows === 0 ? [] : form.images?.map(k => node.inputs[k] as Node))
  const print = (module: Module) => {
    // every input is bound, in order, and written as x0, x1, …
    const bound = node.inputs.map(n => module.buffer(n))
    const read = (k: number, i: string): string => `x${k}${bound[k]!.at(i).slice(bound[k]!.name.length)}`
    const made = form.text(device, d => module.size(d), read)
    const isWide = (k: number): boolean => made.vectors === true && made.single?.includes(k) !== true
    for (const [k, n] of node.inputs.entries()) if (n.kind !== 'float' || !isWide(k)) module.narrow.add(n)
    const code = made.code.replaceAll(/\bx(\d+)(?=_at\(|\b)/g, (name, k: string) => bound[Number(k)]?.name ?? name)
    return { body: code, output: { wide: made.vectors === true }, grid: made.grid, enable: made.features ?? [] }
  }
  return printModule({ ...context, storageOf: n => (n.kind === 'float' ? 'f32' : 'i32') }, print, images)
}
