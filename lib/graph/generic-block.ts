/**
 * Blocks that are generic in sizes they compute with. tsc does no arithmetic on a type parameter, but it does on a name: the body is
 * checked once, with every name of the signature standing for itself ('1 + n'), and the block that results is generic in those names.
 */
import {
  ShapeError,
  applySignature,
  isRefusal,
  showShape,
  type Canon,
  type CheckSig,
  type PlanOf,
  type Sizes,
} from '../shape/index.ts'
import type { Body, UnaryFn } from './function-types.ts'
import type { AnyTensor } from './tensor.ts'

/**
 * A function of one tensor by a signature of fixed rank: `block('prepend', 'n d -> 1+n d', x => concat(0)(token, x), { d: 1024 })`.
 * `sizes` gives names their numbers. Throws a ShapeError where the input does not fit the signature, or the body gives another shape.
 */
export const block = <const Sig extends string, const Z extends Sizes = {}>(
  name: string,
  signature: CheckSig<Sig, keyof Z & string>,
  body: Body<PlanOf<Sig, keyof Z & string>, Canon<Z>>,
  sizes?: Z,
): UnaryFn<PlanOf<Sig, keyof Z & string>, Canon<Z>> =>
  ((x: AnyTensor): AnyTensor => {
    const promised = applySignature(signature, sizes ?? {}, [x.shape])
    if (isRefusal(promised)) throw new ShapeError(name, signature, [x.shape], promised)
    const y = (body as unknown as (x: AnyTensor) => AnyTensor)(x)
    if (showShape(y.shape) === showShape(promised)) return y
    const why = `the body gives ${showShape(y.shape)}, the signature says ${showShape(promised)}`
    throw new ShapeError(name, signature, [x.shape], { why, sizes: [...promised, ...y.shape] })
  }) as never
