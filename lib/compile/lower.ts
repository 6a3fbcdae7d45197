/**
 * graph → simplify → fuse → kernels → passes. One pass for every node that gets memory; passes that depend on weights alone go to
 * `prepare` and run once. What a pass is called is put together from the ops it computes; its WGSL holds no names of blocks, so that
 * equal blocks are one pipeline.
 */
import {
  nodeOf,
  outputList,
  type AnyTensor,
  type Applied,
  type Kind,
  type Node,
  type Outputs,
  isTensor,
} from '../graph/index.ts'
import type { Each } from '../form/index.ts'
import { size, type Dim } from '../shape/index.ts'
import { fuse, type Fusion } from './fuse.ts'
import { changeKernel, eachKernel } from './kernel-each.ts'
import { reduceKernel } from './kernel-reduce.ts'
import { contractKernel } from './kernel-contract.ts'
import { isPacking } from './contract/packing.ts'
import { wholeKernel } from './kernel-whole.ts'
import type { KernelContext, KernelSource } from './kernel.ts'
import type { BufferPlan, DeviceProfile, Lowered, Pass, Storage } from './pass.ts'
import { shareKernels } from './share.ts'
import { simplify } from './simplify.ts'

export interface LowerOptions {
  readonly profile: DeviceProfile
  /** what every state becomes after a run: the state's tensor and its next value */
  readonly next?: readonly (readonly [state: AnyTensor, next: AnyTensor])[]
  /** how weights are stored; graphs stay float */
  readonly weights?: 'f32' | 'f16'
}

export const lower = (outputs: Outputs, options: LowerOptions): Lowered => {
  const { profile, next = [], weights = 'f32' } = options
  const names = isTensor(outputs) ? ['output'] : Object.keys(outputs)
  const tensors = outputList(outputs)
  const wanted = simplify([...tensors, ...next.map(([, n]) => n), ...next.map(([s]) => s)].map(nodeOf), profile)
  const results = wanted.slice(0, tensors.length + next.length)
  // one binding each for the output and the named sizes
  const updated = results.slice(tensors.length)
  const fusion = fuse(results, profile.maxStorageBuffers - 2, new Set(updated))
  const changed = inPlace(fusion, updated, wanted.slice(results.length), new Set(results.slice(0, tensors.length)))
  const fixed = onlyWeights(fusion.order)
  /** is it computed from weights alone? A packed operand is when what it packs is. */
  const isFixed = (node: Node): boolean => fixed.has(node) || (isPacking(node) && node.inputs.every(isFixed))
  const buffers = new Map<Node, BufferPlan>()
  const bufferOf = (node: Node): BufferPlan => {
    const known = buffers.get(node)
    if (known !== undefined) return known
    const before = changed.get(node)
    if (before !== undefined) return bufferOf(before)
    const plan = planBuffer(node, buffers.size, isFixed(node), weights)
    buffers.set(node, plan)
    return plan
  }
  const passes: Pass[] = []
  const prepare: Pass[] = []
  const packings = new Map<string, Node>()
  const storageOf = (node: Node): Storage => bufferOf(canonical(node)).storage
  const canonical = (node: Node): Node => packings.get(packingKey(node)) ?? node
  const emit = (node: Node): void => {
    // nothing to compute: an axis of length 0 would only divide by it
    if (size.prod(node.shape) === 0) return
    const source = kernelOf({ fusion, profile, root: node, storageOf, isFixed }, changed.has(node))
    for (const packed of source.packed ?? []) {
      const key = packingKey(packed)
      if (packings.has(key)) continue
      packings.set(key, packed)
      emit(packed)
    }
    const pass: Pass = {
      label: labelOf(fusion, node),
      path: node.origin.path,
      wgsl: source.wgsl,
      reads: source.reads.map(({ node: n, slice }) => ({
        buffer: bufferOf(canonical(n)),
        ...(slice === undefined ? {} : { slice }),
      })),
      write: { buffer: bufferOf(node) },
      sizes: source.sizes,
      grid: source.grid,
      features: source.features,
      flops: flopsOf(fusion, node),
      bytes: size.mul(4, size.sum([...new Set([...source.reads.map(r => r.node), node])].map(n => size.prod(n.shape)))),
    }
    ;(isFixed(node) ? prepare : passes).push(pass)
  }
  // an operand packed for a kernel: equal packings of the same nodes are made once
  const ids = new Map<Node, number>()
  const packingKey = (node: Node): string => {
    if (!isPacking(node)) return ''
    return `${JSON.stringify(node.attrs)} ${node.inputs.map(n => ids.get(n) ?? ids.set(n, ids.size).get(n)).join(' ')}`
  }
  for (const node of fusion.order) if (fusion.kept(node) && (node.role === 'applied' || isFilled(node))) emit(node)
  // states and inputs that only pass through have memory too
  const planned = results.map(bufferOf)
  const states = wanted.slice(tensors.length + next.length).map(bufferOf)
  const all = shareKernels([...prepare, ...passes])
  return {
    buffers: [...buffers.values()],
    prepare: all.slice(0, prepare.length),
    passes: all.slice(prepare.length),
    outputs: names.map((name, k) => ({ name, tensor: tensors[k] as AnyTensor, buffer: planned[k] as BufferPlan })),
    next: next.map((_, k) => ({ state: states[k] as BufferPlan, from: planned[tensors.length + k] as BufferPlan })),
  }
}

const changeOf = (fusion: Fusion, node: Node): Each['change'] => {
  const form = node.role === 'applied' ? fusion.form(node) : undefined
  return form?.form === 'each' ? form.change : undefined
}
/** Next values of states that can be written over the state: they change parts of it, and nothing else reads it. */
const inPlace = (
  fusion: Fusion,
  next: readonly Node[],
  states: readonly Node[],
  outputs: ReadonlySet<Node>,
): ReadonlyMap<Node, Node> => {
  const readsOf = (state: Node): number =>
    fusion.order.flatMap((n): readonly Node[] => n.inputs).filter(i => i === state).length
  const pairs = next.map((node, k): readonly [Node, Node] => [node, states[k] as Node])
  return new Map(
    pairs.filter(([node, state]) => {
      const alone = readsOf(state) === 1 && node.inputs[0] === state
      return alone && !outputs.has(state) && changeOf(fusion, node) !== undefined
    }),
  )
}

/** an output that is one number everywhere has to be written by a kernel */
const isFilled = (node: Node): boolean => node.role === 'constant' && typeof node.value === 'number'

const onlyWeights = (order: readonly Node[]): Set<Node> => {
  const fixed = new Set<Node>()
  for (const node of order) {
    const still =
      node.role === 'parameter' ||
      node.role === 'constant' ||
      (node.role === 'applied' && node.inputs.length > 0 && node.inputs.every(i => fixed.has(i)))
    const literal = typeof size.prod(node.shape) === 'number'
    if (still && literal) fixed.add(node)
  }
  return fixed
}

const plainStorage = (kind: Kind): Storage => (kind === 'float' ? 'f32' : 'i32')
const planBuffer = (node: Node, id: number, fixed: boolean, weights: 'f32' | 'f16'): BufferPlan => {
  const base = { id, kind: node.kind, elements: size.prod(node.shape) }
  if (node.role === 'input')
    return { ...base, label: node.name, storage: plainStorage(node.kind), holds: { what: 'input', source: node } }
  if (node.role === 'state')
    return { ...base, label: node.name, storage: plainStorage(node.kind), holds: { what: 'state', source: node } }
  if (node.role === 'parameter')
    return { ...base, label: node.name, storage: weights, holds: { what: 'parameter', source: node } }
  if (node.role === 'constant' && typeof node.value !== 'number')
    return { ...base, label: 'table', storage: plainStorage(node.kind), holds: { what: 'table', values: node.value } }
  const label = node.labels.at(-1) ?? (node.role === 'applied' ? node.op.name : 'constant')
  return { ...base, label, storage: plainStorage(node.kind), holds: { what: fixed ? 'prepared' : 'work' } }
}

const kernelOf = (context: KernelContext, changes: boolean): KernelSource => {
  const { fusion, root } = context
  const change = changes ? changeOf(fusion, root) : undefined
  if (change !== undefined) return changeKernel(context, root as Applied, change)
  const anchor = fusion.anchor(root) ?? (root.role === 'applied' ? root : undefined)
  if (anchor === undefined) return eachKernel(context)
  const form = fusion.form(anchor)
  switch (form.form) {
    case 'each':
      return eachKernel(context)
    case 'reduce':
      return reduceKernel(context, anchor, form)
    case 'contract':
      return contractKernel(context, anchor, form)
    case 'kernel':
      return wholeKernel(context, anchor, form)
  }
}

/** The nodes a kernel computes: the root and what lives inside it, inputs first. */
const inside = (fusion: Fusion, root: Node): readonly Applied[] => {
  const found = new Set<Applied>()
  const visit = (node: Node): void => {
    if (node.role !== 'applied' || found.has(node)) return
    for (const input of node.inputs) if (fusion.inlined(input, node)) visit(input)
    found.add(node)
  }
  visit(root)
  return [...found]
}
const labelOf = (fusion: Fusion, root: Node): string => {
  const names = inside(fusion, root).map(n => n.op.name)
  const counted = [...new Set(names)]
  return counted.length === 0 ? 'fill' : counted.join(' + ')
}
const flopsOf = (fusion: Fusion, root: Node): Dim =>
  size.sum(
    inside(fusion, root).map(
      n =>
        n.op.flops?.(
          n.inputs.map(i => i.shape),
          n.shape,
          n.attrs,
        ) ?? size.prod(n.shape),
    ),
  )
