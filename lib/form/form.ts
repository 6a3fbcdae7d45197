/**
 * The four forms that the GPU meaning of an op takes. Because each says what one element is, as an expression over elements of the
 * inputs, the compiler fuses without knowing any op: a producer's expression replaces a load, a consumer's wraps a result.
 *
 *   each      one element of the output from elements of the inputs: elementwise, broadcast, movement, gather
 *   reduce    rows folded by sums and maxima, then one value per row or per element (softmax, layer norm re-read the row)
 *   contract  sums of products over k, batched: einsum, matrix products, convolution with implicit patches
 *   kernel    a whole kernel in WGSL with typed bindings: fused attention, scatter, sort
 */
import type { Dim, Shape } from '../shape/index.ts'
import type { Node } from '../graph/tensor.ts'
import type { Expr } from './expr.ts'

/** Element `index` of input k. */
export type Load = (k: number, index: readonly Expr[]) => Expr

export interface Each {
  readonly form: 'each'
  readonly value: (load: Load, index: readonly Expr[]) => Expr
  /** Where element `index` of the only input stands in the output, for a movement that takes every element to one place. */
  readonly moves?: (index: readonly Expr[]) => readonly Expr[]
  /**
   * The same said as a change: the output is input 0 but for `value` at `place`, for every index of `space` where `when` holds. A state
   * that becomes such a node is written in place.
   */
  readonly change?: {
    readonly space: Shape
    readonly when: (load: Load, index: readonly Expr[]) => Expr
    readonly place: (load: Load, index: readonly Expr[]) => readonly Expr[]
    readonly value: (load: Load, index: readonly Expr[]) => Expr
  }
}

/** How a reduction combines. `argmax` gives the position along the reduced axes (row-major) of the first largest value. */
export type Monoid = 'sum' | 'max' | 'min' | 'argmax' | 'argmin'
/** One pass over a row; later passes see the results of earlier ones by name. NaN wins in max, min and argmax. */
export interface FoldPass {
  readonly name: string
  readonly monoid: Monoid
  readonly value: (load: Load, row: readonly Expr[], column: readonly Expr[], folded: (name: string) => Expr) => Expr
}
export interface Reduce {
  readonly form: 'reduce'
  /** sizes of the axes that stay, and of those that are folded */
  readonly rows: Shape
  readonly columns: Shape
  readonly passes: readonly FoldPass[]
  readonly finish:
    | {
        readonly per: 'row'
        readonly value: (folded: (name: string) => Expr, load: Load, row: readonly Expr[]) => Expr
      }
    | {
        readonly per: 'element'
        readonly value: (
          folded: (name: string) => Expr,
          load: Load,
          row: readonly Expr[],
          column: readonly Expr[],
        ) => Expr
        /** what every element of a row is multiplied with besides; a product with this row may multiply its sums with it instead */
        readonly factor?: (folded: (name: string) => Expr) => Expr
        /** where in the output the element of this row and column stands */
        readonly place: (row: readonly Expr[], column: readonly Expr[]) => readonly Expr[]
      }
}

/** y[batch, m, n] = sum over k of a[batch, m, k] * b[batch, n, k]. */
export interface Contract {
  readonly form: 'contract'
  readonly batch: Shape
  readonly m: Shape
  readonly n: Shape
  readonly k: Shape
  readonly a: (load: Load, batch: readonly Expr[], m: readonly Expr[], k: readonly Expr[]) => Expr
  readonly b: (load: Load, batch: readonly Expr[], n: readonly Expr[], k: readonly Expr[]) => Expr
  /** where in the output the result of (batch, m, n) stands */
  readonly place: (batch: readonly Expr[], m: readonly Expr[], n: readonly Expr[]) => readonly Expr[]
}

/** What a whole kernel needs to know of the device. */
export interface KernelDevice {
  /** what kernels are tuned for */
  readonly tuning: 'lavapipe' | 'swiftshader' | 'gpu'
  /** smallest and largest subgroup, 0 where there are none */
  readonly subgroup: readonly [min: number, max: number]
  readonly maxInvocations: number
  /** most rows of an image that operands are read from; 0 where buffers are read as fast, as on GPUs */
  readonly imageRows: number
}
export interface KernelText {
  /**
   * The body of a module: any functions, and an entry point `main` with its workgroup size. Inputs are bound as `x0`, `x1`, … and the
   * output as `y`, arrays of f32 (i32 for indices and truth values). A named size is read as `size(dim)` writes it.
   */
  readonly code: string
  /** floats are bound as arrays of vec4f instead */
  readonly vectors?: boolean
  /** workgroups in each direction, in sizes that may be named */
  readonly grid: readonly [Dim, Dim, Dim]
  readonly features?: readonly 'subgroups'[]
}
export interface Kernel {
  readonly form: 'kernel'
  /** devices and sizes that it is for; on others a composite is compiled as its meaning. All, unless said. */
  readonly fits?: (device: KernelDevice) => boolean
  /** inputs of floats that it would rather read from images, four numbers at a time, where the device reads those faster */
  readonly images?: readonly number[]
  /** inputs that it reads one number at a time where floats are vectors */
  readonly single?: readonly number[]
  /** `read(k, i)` is element i of input k: a number or a vector. What may be an image or single is read in no other way. */
  readonly text: (
    device: KernelDevice,
    size: (d: Dim) => string,
    read: (input: number, index: string) => string,
  ) => KernelText
  /**
   * Another text for few rows, where a device gains by it: what it computes is the same. Where `size` is named, both are compiled and a run
   * takes the one for its size; else only one is.
   */
  readonly few?: (device: KernelDevice) => FewRows | undefined
}
/** A kernel's text for sizes up to `most`, this one included. */
export interface FewRows extends Pick<Kernel, 'text'> {
  readonly size: Dim
  readonly most: number
}

export type Form = Each | Reduce | Contract | Kernel

/** What a form is made from. */
export interface FormInputs<A> {
  readonly attrs: A
  readonly inputs: readonly Node[]
  readonly shapes: readonly Shape[]
  /** of the output */
  readonly shape: Shape
}
