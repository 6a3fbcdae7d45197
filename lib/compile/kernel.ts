/**
 * What all generated kernels share: the root node they compute, the expression of it (with everything inlined), and the finished text.
 */
import { literal, rowMajor, type Expr, type Load } from '../form/index.ts'
import type { Applied, Node } from '../graph/index.ts'
import type { Dim } from '../shape/index.ts'
import { isPacking } from './contract/packing.ts'
import type { Fusion } from './fuse.ts'
import type { DeviceProfile, Storage, WeightStorage, When } from './pass.ts'
import { countedFrom, type Slice } from './slices.ts'
import { halvesHelper, Module, type Read } from './wgsl.ts'

/** A kernel as text, before it is bound to buffers. */
export interface KernelSource {
  /** operands packed for this kernel: each-nodes of the compiler's own, computed by passes before it */
  readonly packed?: readonly Applied[]
  /** roots of other kernels that it makes anew instead of reading them (remake.ts) */
  readonly remade?: readonly Applied[]
  readonly wgsl: string
  readonly reads: readonly Read[]
  /** of the buffers it reads, which are bound as vectors of four */
  readonly vectors: 'none' | 'some' | 'all'
  readonly sizes: readonly Dim[]
  readonly grid: readonly [Dim, Dim, Dim]
  readonly features: readonly GPUFeatureName[]
  /** it changes a part of the state that it writes */
  readonly changes?: true
  /** where it computes a part of its root (slices.ts): the slice that it writes, and its share of the work */
  readonly write?: Slice
  readonly share?: number
  /** how it goes about it, where there was a choice */
  readonly schedule?: string
  /** the sizes it is for, and kernels that compute the same root for others */
  readonly when?: When
  readonly others?: readonly KernelSource[]
}
/** A kernel, and beside it one for at most so many of a size with a name: a run takes the one for its size. */
export const besideFew = (usual: KernelSource, few: KernelSource, size: Dim, most: number): KernelSource => ({
  ...usual,
  when: { size, least: most + 1 },
  others: [{ ...few, when: { size, most } }],
})
export interface KernelContext {
  readonly fusion: Fusion
  readonly profile: DeviceProfile
  readonly root: Node
  readonly storageOf: (node: Node) => Storage
  /** how weights are stored that products read */
  readonly weights: WeightStorage
  /** is it computed from weights alone, before the first run? */
  readonly isFixed: (node: Node) => boolean
  /** how many runs compiling a kernel is spread over: drivers cache kernels, and equal layers share them */
  readonly runs: number
  /** the elements of the root that it computes and binds, where it is a part of a kernel (slices.ts) */
  readonly part?: Slice
  /** the schedule of the whole kernel, which a part takes too, so that it adds in the same order */
  readonly like?: string | undefined
  /** the state that the root is written over; a kernel that knows of it says how it is bound */
  readonly over?: { readonly node: Node; readonly wide: boolean } | undefined
}

/** The element of `node` at an index, with what is inlined into `consumer` computed in place and the anchor's result given. */
export const elementOf = (
  fusion: Fusion,
  node: Node,
  index: readonly Expr[],
  given: { readonly anchor: Node; readonly value: Expr } | undefined,
): Expr => {
  if (given !== undefined && node === given.anchor) return given.value
  if (node.role === 'constant' && typeof node.value === 'number') return literal(node.value, node.kind)
  if (node.role !== 'applied') return { e: 'load', of: node, index }
  const form = fusion.form(node)
  if (form.form !== 'each') return { e: 'load', of: node, index }
  return form.value(loader(fusion, node, given), index)
}
/** What a form's loads mean inside a kernel: an inlined input in place, another from memory. */
export const loader =
  (fusion: Fusion, consumer: Applied, given?: { readonly anchor: Node; readonly value: Expr }): Load =>
  (k, index) => {
    const input = consumer.inputs[k] as Node
    if (given !== undefined && input === given.anchor) return given.value
    return fusion.inlined(input, consumer) ? elementOf(fusion, input, index, given) : { e: 'load', of: input, index }
  }

/** Names of buffers in a kernel: weights by the last part of their name, anything else is x. Equal blocks so get equal text. */
export const bufferName = (node: Node): string => {
  if (isPacking(node)) return 'panels'
  if (node.role !== 'parameter') return 'x'
  const last = node.name.split('.').at(-1) ?? 'w'
  const clean = last.replace(/[^A-Za-z0-9_]/g, '_')
  return /^[A-Za-z]\w*$/.test(clean) && !reserved.has(clean) ? clean : 'w'
}
const reserved = new Set([
  'y',
  'q',
  'i',
  'm',
  'n',
  'k',
  'group',
  'lane',
  'sizes',
  'main',
  'row',
  'column',
  'total',
  'tile',
  'factor',
  'sum',
  'sums',
  'others',
  'panel',
  'units',
  'scales',
  'scaled',
  'at',
  'half',
  'override',
  'fn',
  'let',
  'var',
  'const',
  'loop',
  'select',
  'min',
  'max',
  'array',
  'sample',
  'texture',
])

/**
 * Prints a module twice: once to learn which buffers are read one number at a time, and where, then for good. `images` are the nodes that it reads
 * from their images instead of their buffers.
 */
export const printModule = (
  context: KernelContext,
  print: (module: Module) => {
    readonly body: string
    readonly output: { readonly wide: boolean; readonly type?: string }
    readonly grid: KernelSource['grid']
    readonly enable?: readonly string[]
  },
  images: ReadonlySet<Node> = new Set(),
): KernelSource => {
  const memory = { storageOf: context.storageOf, maxBinding: context.profile.maxBinding, images, over: context.over }
  const draft = new Module(bufferName, memory)
  print(draft)
  const module = new Module(bufferName, { ...memory, slices: draft.slices }, draft.narrow)
  const { body, output, grid, enable = [] } = print(module)
  const head = module.head({ kind: context.root.kind, ...output }, { enable })
  const halves = body.includes('halves(') ? `${halvesHelper}\n` : ''
  return {
    wgsl: `${head}\n${halves}\n${body}`,
    reads: module.reads,
    vectors: module.vectors,
    sizes: module.sizes,
    grid,
    features: enable.includes('subgroups') ? ['subgroups'] : [],
  }
}

/** Lanes of a workgroup that work side by side and share nothing: one subgroup on software devices, a usual 64 on a GPU. */
export const sideBySide = ({ tuning }: DeviceProfile): number => (tuning === 'gpu' ? 64 : tuning === 'lavapipe' ? 8 : 4)

export const indent = (lines: readonly string[], by = '  '): string =>
  lines
    .map(l =>
      l
        .split('\n')
        .map(x => (x === '' ? x : by + x))
        .join('\n'),
    )
    .join('\n')
/** Where an index of the root stands in what the kernel binds of its buffer. */
export const positionIn = ({ root, part }: KernelContext, index: readonly Expr[]): Expr =>
  countedFrom(rowMajor(index, root.shape), part?.first ?? 0)
