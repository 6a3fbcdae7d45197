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
import { size, type Dim } from '../shape/index.ts'
import { onceForAlike, textOf } from './equality.ts'
import { formsOnce } from './forms.ts'
import { fuse, type Fusion } from './fuse.ts'
import { changeKernel, eachKernel } from './kernel-each.ts'
import { reduceKernel } from './kernel-reduce.ts'
import { contractKernel } from './kernel-contract.ts'
import { changeOf, inside, scheduleInPlace } from './in-place.ts'
import { neededPasses } from './needed.ts'
import { remadeIn } from './remake.ts'
import { blocksStorage, isPacking } from './contract/packing.ts'
import { storeWeights } from './contract/store.ts'
import { wholeKernel } from './kernel-whole.ts'
import { bufferName, type KernelContext, type KernelSource } from './kernel.ts'
import {
  storageBytes,
  type BufferPlan,
  type DeviceProfile,
  type Lowered,
  type Pass,
  type Storage,
  type WeightStorage,
} from './pass.ts'
import { shareKernels } from './share.ts'
import { inParts } from './slices.ts'
import { sideBySide } from './side-by-side.ts'
import { simplify } from './simplify.ts'

export interface LowerOptions {
  readonly profile: DeviceProfile
  /** what every state becomes after a run: the state's tensor and its next value */
  readonly next?: readonly (readonly [state: AnyTensor, next: AnyTensor])[]
  /**
   * How weights are stored that products read: in halves, or in 8 or 4 bits with a scale for 32 of them (blocks.ts). Matrices that
   * anything else reads are halves then, vectors such as biases and gains stay f32. Graphs stay float.
   */
  readonly weights?: WeightStorage
  /** how many runs compiling its kernels is spread over, where the faster of two takes longer to compile: 100 unless said */
  readonly runs?: number
}

export const lower = (outputs: Outputs, options: LowerOptions): Lowered => {
  const { profile, next = [], weights = 'f32', runs = 100 } = options
  const names = isTensor(outputs) ? ['output'] : Object.keys(outputs)
  const tensors = outputList(outputs)
  const forms = formsOnce()
  const wanted = simplify([...tensors, ...next.map(([, n]) => n), ...next.map(([s]) => s)].map(nodeOf), forms, profile)
  const results = wanted.slice(0, tensors.length + next.length)
  const updated = results.slice(tensors.length)
  // one binding each for the output and the named sizes
  const most = { reads: profile.maxStorageBuffers - 2, elements: Math.floor(profile.maxBinding / 4) }
  const fused = fuse(results, forms, most, new Set(updated))
  const fusion = { ...fused, remade: remadeIn(fused, new Set(results), profile) }
  const roots = fusion.order.filter(node => fusion.kept(node) && (node.role === 'applied' || isFilled(node)))
  const olds = wanted.slice(results.length)
  const pairs = updated.map((node, k) => [node, olds[k] as Node] as const)
  const { order, over } = scheduleInPlace(fusion, roots, pairs, new Set(results))
  const fixed = onlyWeights(fusion.order)
  /** is it computed from weights alone? A packed operand is when what it packs is. */
  const isFixed = (node: Node): boolean => fixed.has(node) || (isPacking(node) && node.inputs.every(isFixed))
  const buffers = new Map<Node, BufferPlan>()
  const bufferOf = (node: Node): BufferPlan => {
    const known = buffers.get(node)
    if (known !== undefined) return known
    const before = over.get(node)
    if (before !== undefined) return bufferOf(before)
    const plan = planBuffer(node, buffers.size, isFixed(node), storageFor(node))
    buffers.set(node, plan)
    return plan
  }
  const passes: Pass[] = []
  const prepare: Pass[] = []
  const packings = new Map<string, Node>()
  const blocks: Node[] = []
  // what a kernel is written by hand for
  const asTheyAre = new Set(
    roots.flatMap(n => (n.role === 'applied' && fusion.form(n).form === 'kernel' ? n.inputs : [])),
  )
  // weights that nothing but stored blocks is made from are uploaded as they are, and gone when those are made
  let storing = false
  const storageFor = (node: Node): Storage => {
    if (node.role !== 'parameter' || weights === 'f32' || asTheyAre.has(node as never))
      return blocksStorage(node) ?? plainStorage(node.kind)
    const isMatrix = node.shape.filter(d => d !== 1).length > 1
    return isMatrix && (weights === 'f16' || !storing) ? 'f16' : 'f32'
  }
  const storageOf = (node: Node): Storage => {
    const own = over.get(node) ?? canonical(node)
    return buffers.get(own)?.storage ?? storageFor(own)
  }
  const canonical = (node: Node): Node => packings.get(packingKey(node)) ?? node
  /** all that kernels may know of a node that they read */
  const known = (node: Node): string =>
    `${bufferName(node)} ${node.kind} ${storageOf(node)} ${isFixed(node)} [${node.shape.join()}]`
  const computed = onceForAlike({ fusion, known, over: root => over.get(root) }, root => {
    const context = { fusion, profile, root, storageOf, weights, isFixed, runs }
    const state = over.get(root)
    const storage = blocksStorage(root)
    const sources =
      storage !== undefined
        ? storeWeights(context, root as Applied, storage)
        : state === undefined
          ? inParts(context, kernelOf).flatMap(withOthers)
          : [kernelOver(context, state)]
    const told = sources.map(({ remade = [], when }) => {
      const made = [...remade, root]
      // all parts of a kernel together, for the sizes that it is for
      const parts = sources.filter(s => s.when?.most === when?.most)
      const touched = new Set([...parts.flatMap(s => s.reads.map(r => r.node)), root])
      return {
        label: made.map(n => labelOf(fusion, n)).join(', '),
        flops: size.sum(made.map(n => flopsOf(fusion, n))),
        bytes: size.sum([...touched].map(n => bytesOf(n, storageOf(n)))),
      }
    })
    return { sources, told }
  })
  const emit = (node: Node): void => {
    // nothing to compute: an axis of length 0 would only divide by it
    if (size.prod(node.shape) === 0) return
    const { sources, told } = computed(node)
    for (const packed of sources.flatMap(source => source.packed ?? [])) {
      const key = packingKey(packed)
      if (packings.has(key)) continue
      packings.set(key, packed)
      if (blocksStorage(packed) === undefined || isFixed(node)) emit(packed)
      else blocks.push(packed)
    }
    const made = sources.map(({ wgsl, reads, write, changes, share = 1, sizes, grid, when, features }, k): Pass => ({
      label: told[k]!.label,
      path: node.origin.path,
      wgsl,
      reads: reads.map(({ node: n, slice, image }) => ({
        buffer: bufferOf(canonical(n)),
        ...(slice === undefined ? {} : { slice }),
        ...(image === undefined ? {} : { image }),
      })),
      write: { buffer: bufferOf(node), ...(write === undefined ? {} : { slice: write }) },
      ...(changes === undefined ? {} : { changes }),
      sizes,
      grid,
      ...(when === undefined ? {} : { when }),
      features,
      flops: shareOf(share, told[k]!.flops),
      bytes: shareOf(share, told[k]!.bytes),
    }))
    ;(isFixed(node) ? prepare : passes).push(...made)
  }
  // an operand packed for a kernel: equal packings of the same nodes are made once
  const ids = new Map<Node, number>()
  const packingKey = (node: Node): string => {
    if (!isPacking(node)) return ''
    return `${textOf(node.attrs)} ${node.inputs.map(n => ids.get(n) ?? ids.set(n, ids.size).get(n)).join(' ')}`
  }
  for (const node of order) emit(node)
  // when it is known which weights anything else reads
  storing = true
  for (const node of blocks) emit(node)
  // states and inputs that only pass through have memory too
  const planned = results.map(bufferOf)
  const states = wanted.slice(tensors.length + next.length).map(bufferOf)
  const asked = new Set([...planned, ...states])
  const isLasting = (buffer: BufferPlan): boolean => buffer.holds.what !== 'work' || asked.has(buffer)
  const all = shareKernels([...prepare, ...neededPasses(passes, isLasting)])
  return {
    buffers: [...buffers.values()],
    prepare: all.slice(0, prepare.length),
    passes: sideBySide(all.slice(prepare.length), planned.slice(0, tensors.length), profile),
    outputs: names.map((name, k) => ({ name, tensor: tensors[k] as AnyTensor, buffer: planned[k] as BufferPlan })),
    next: next.map((_, k) => ({ state: states[k] as BufferPlan, from: planned[tensors.length + k] as BufferPlan })),
  }
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
const planBuffer = (node: Node, id: number, fixed: boolean, storage: Storage): BufferPlan => {
  const base = { id, kind: node.kind, storage, elements: size.prod(node.shape) }
  if (node.role === 'input') return { ...base, label: node.name, holds: { what: 'input', source: node } }
  if (node.role === 'state') return { ...base, label: node.name, holds: { what: 'state', source: node } }
  if (node.role === 'parameter') return { ...base, label: node.name, holds: { what: 'parameter', source: node } }
  if (node.role === 'constant' && typeof node.value !== 'number')
    return { ...base, label: 'table', holds: { what: 'table', values: node.value } }
  const label = node.labels.at(-1) ?? (node.role === 'applied' ? node.op.name : 'constant')
  return { ...base, label, holds: { what: fixed ? 'prepared' : 'work' } }
}

/** The kernel of a root that is written over a state. */
const kernelOver = (context: KernelContext, state: Node): KernelSource => {
  const { fusion, root } = context
  const change = changeOf(fusion, root)
  if (change !== undefined) return changeKernel(context, root as Applied, change)
  return eachKernel({ ...context, over: { node: state, wide: false } })
}
const kernelOf = (context: KernelContext): KernelSource => {
  const { fusion, root } = context
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

/** All kernels that one stands for. */
const withOthers = (kernel: KernelSource): readonly KernelSource[] => {
  const { others = [], write, share } = kernel
  const part = { ...(write === undefined ? {} : { write }), ...(share === undefined ? {} : { share }) }
  return [kernel, ...others.map(other => ({ ...other, ...part }))]
}
/** Bytes of a node's elements. */
const bytesOf = (node: Node, storage: Storage): Dim => {
  const count = size.prod(node.shape)
  return typeof count === 'number' ? count * storageBytes[storage] : size.mul(storageBytes[storage], count)
}
/** The share of a part in all the work of its root. */
const shareOf = (share: number, work: Dim): Dim => (typeof work === 'number' ? Math.round(share * work) : work)
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
