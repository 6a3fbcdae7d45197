/**
 * What lowering gives and what the device runs: buffers, passes over them, and nothing else. A pass is one dispatch of one kernel; sizes
 * that are named stay named here, so that one program serves any number of boxes and tokens.
 */
import type { KernelDevice } from '../form/index.ts'
import type { AnyTensor, Kind, Source } from '../graph/index.ts'
import type { Dim } from '../shape/index.ts'

/** How weights that products read are stored: as they are, in halves, or in 8 or 4 bits with a scale for 32 of them. */
export type WeightStorage = 'f32' | 'f16' | 'q8' | 'q4'
/** How the elements of a buffer lie in memory: plain 32-bit numbers, or a storage chosen when compiling. */
export type Storage = 'i32' | WeightStorage
/** Bytes of an element. Quantised numbers come in blocks of 2048 with their scales (contract/blocks.ts). */
export const storageBytes: Readonly<Record<Storage, number>> = { f32: 4, i32: 4, f16: 2, q8: 17 / 16, q4: 9 / 16 }

/**
 * Memory that a program needs. What it holds at the start of a run decides who fills it. Every buffer is allocated and bound in whole
 * multiples of 16 bytes, so that a kernel may read and write its last four numbers together.
 */
export interface BufferPlan {
  readonly id: number
  /** for people: the name of the node or of what was packed */
  readonly label: string
  readonly kind: Kind
  readonly storage: Storage
  /** number of elements, in sizes that may be named */
  readonly elements: Dim
  readonly holds:
    /** written by the host before a run */
    | { readonly what: 'input'; readonly source: Source }
    /** written by the host once, after loading */
    | { readonly what: 'parameter'; readonly source: Source }
    /** stays from run to run */
    | { readonly what: 'state'; readonly source: Source }
    /** a small table of numbers in the program */
    | { readonly what: 'table'; readonly values: readonly number[] }
    /** written by a pass of `prepare`, once after loading: packed or folded weights */
    | { readonly what: 'prepared' }
    /** written and read within a run: its memory is reused */
    | { readonly what: 'work' }
}

/** One dispatch. Bindings of group 0: reads in order, then the writes, then (if any) the uniform block of named sizes. */
export interface Pass {
  /** what it computes, for people: 'layerNorm', 'einsum + add + gelu' */
  readonly label: string
  /** the block it belongs to: 'vision_model.encoder.layers.0.mlp' */
  readonly path: string
  readonly wgsl: string
  readonly reads: readonly Operand[]
  readonly write: Operand
  /** what it writes besides, where it is made of several parts (side-by-side.ts) */
  readonly also?: readonly Operand[]
  /** it changes a part of the state that it writes, and leaves the rest as it is */
  readonly changes?: true
  /** words of the uniform block, i32 each, in order; empty where everything is literal */
  readonly sizes: readonly Dim[]
  /**
   * workgroups in each direction; 0 in any direction skips the pass. A grid [n, 1, 1] with n above the device's limit is dispatched as
   * rows of 32768 workgroups, [32768, ceil(n / 32768), 1]: kernels with such grids count `group.y * 32768 + group.x`.
   */
  readonly grid: readonly [Dim, Dim, Dim]
  /** the sizes it is for, where another pass computes the same for others, or nothing reads it then */
  readonly when?: When
  /** device features that the kernel needs */
  readonly features: readonly GPUFeatureName[]
  readonly flops: Dim
  readonly bytes: Dim
}
/** All that a pass writes. */
export const writesOf = ({ write, also = [] }: Pick<Pass, 'write' | 'also'>): readonly Operand[] => [write, ...also]
/** Whether a size is within bounds, both of them inclusive. */
export interface When {
  readonly size: Dim
  readonly least?: number
  readonly most?: number
}
/**
 * A buffer, or a slice of it in elements, where a whole one would exceed the binding limit; or the buffer's image: a copy of it that is
 * bound as `texture_storage_2d<rgba32float, read>` (images.ts).
 */
export interface Operand {
  readonly buffer: BufferPlan
  readonly slice?: { readonly first: Dim; readonly count: Dim }
  readonly image?: true
}

/** What lowering a graph gives. */
export interface Lowered {
  readonly buffers: readonly BufferPlan[]
  /** run once after loading (and again when weights change), in order */
  readonly prepare: readonly Pass[]
  /** run every time, in order */
  readonly passes: readonly Pass[]
  /** outputs by name; several names may share a buffer, and an output may be an input or a parameter */
  readonly outputs: readonly { readonly name: string; readonly tensor: AnyTensor; readonly buffer: BufferPlan }[]
  /** what every state becomes after a run */
  readonly next: readonly { readonly state: BufferPlan; readonly from: BufferPlan }[]
}

/** What lowering has to know of the device; for kernels chosen by what it can do. */
export interface DeviceProfile extends KernelDevice {
  readonly f16: boolean
  readonly timestamps: boolean
  /** bytes */
  readonly maxBinding: number
  readonly maxBuffer: number
  readonly maxWorkgroupsPerDimension: number
  readonly maxStorageBuffers: number
  /** bytes */
  readonly offsetAlignment: number
  /** the schedule that was measured fastest for a class of products, of those that fit, the estimate's choice first (`sluice tune`) */
  readonly choose?: (products: string, fitting: readonly string[]) => string | undefined
}
