/** A kernel that an op writes itself: its text gets its bindings, nothing is fused into it. */
import type { Kernel } from '../form/index.ts'
import type { Applied, Node } from '../graph/index.ts'
import { besideFew, printModule, type KernelContext, type KernelSource } from './kernel.ts'
import type { Module } from './wgsl.ts'

/** For a size that is named, a kernel for few rows stands beside the usual one; for a number there is one. */
export const wholeKernel = (context: KernelContext, node: Applied, form: Kernel): KernelSource => {
  const few = form.few?.(context.profile)
  if (few === undefined) return kernelOf(context, node, form, form.text)
  const { size, most, text } = few
  if (typeof size === 'number') return kernelOf(context, node, form, size <= most ? text : form.text)
  return besideFew(kernelOf(context, node, form, form.text), kernelOf(context, node, form, text), size, most)
}

const kernelOf = (context: KernelContext, node: Applied, form: Kernel, text: Kernel['text']): KernelSource => {
  const { profile } = context
  const inputs = (some: readonly number[] = []): ReadonlySet<Node> => new Set(some.map(k => node.inputs[k] as Node))
  const images = profile.imageRows === 0 ? new Set<Node>() : inputs(form.images)
  /** inputs that are read as the kernel's text has floats, one number or four at a time */
  const plain = inputs([...node.inputs.keys()].filter(k => form.single?.includes(k) !== true))
  const print = (module: Module) => {
    // every input is bound, in order, and written as x0, x1, …
    const bound = node.inputs.map(n => module.buffer(n))
    const read = (k: number, i: string): string => {
      const { name, at, wide } = bound[k]!
      const single = wide && form.single?.includes(k) === true
      const element = single ? `${at(`(${i}) / 4`)}[(${i}) % 4]` : at(i)
      return `x${k}${element.slice(name.length)}`
    }
    const made = text(profile, d => module.size(d), read)
    for (const n of node.inputs)
      if (n.kind !== 'float' || made.vectors !== true || !(plain.has(n) || images.has(n))) module.narrow.add(n)
    const code = made.code.replaceAll(/\bx(\d+)(?=_at\(|\b)/g, (name, k: string) => bound[Number(k)]?.name ?? name)
    return { body: code, output: { wide: made.vectors === true }, grid: made.grid, enable: made.features ?? [] }
  }
  return printModule({ ...context, storageOf: n => (n.kind === 'float' ? 'f32' : 'i32') }, print, images)
}
