/**
 * The TypeScript functions that signatures stand for. One entry per number of free names, with and without '...s', because a derived
 * function must have exactly the type parameters it needs: then tsc infers them, and point-free `flow` keeps them.
 */
import type { AnyPlan, CheckSig, Dim, InShape, Names, OutShape, PlanOf, Shape, Sides, Sizes } from '../shape/index.ts'
import type { AnyTensor, Tensor } from './tensor.ts'

export interface Unary<P extends AnyPlan, Z extends Sizes> {
  0: {
    '': (x: Tensor<InShape<P['ins'][0], P, Z, [], []>>) => Tensor<OutShape<P['out'], P, Z, [], []>>
    s: <S extends Shape>(x: Tensor<InShape<P['ins'][0], P, Z, [], S>>) => Tensor<OutShape<P['out'], P, Z, [], S>>
  }
  1: {
    '': <A extends Dim>(x: Tensor<InShape<P['ins'][0], P, Z, [A], []>>) => Tensor<OutShape<P['out'], P, Z, [A], []>>
    s: <S extends Shape, A extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A], S>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A], S>>
  }
  2: {
    '': <A extends Dim, B extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B], []>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B], []>>
    s: <S extends Shape, A extends Dim, B extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B], S>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B], S>>
  }
  3: {
    '': <A extends Dim, B extends Dim, C extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C], []>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C], []>>
    s: <S extends Shape, A extends Dim, B extends Dim, C extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C], S>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C], S>>
  }
  4: {
    '': <A extends Dim, B extends Dim, C extends Dim, D extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D], []>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D], []>>
    s: <S extends Shape, A extends Dim, B extends Dim, C extends Dim, D extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D], S>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D], S>>
  }
  5: {
    '': <A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E], []>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E], []>>
    s: <S extends Shape, A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E], S>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E], S>>
  }
  6: {
    '': <A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim, F extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E, F], []>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E, F], []>>
    s: <S extends Shape, A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim, F extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E, F], S>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E, F], S>>
  }
  7: {
    '': <A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim, F extends Dim, G extends Dim>(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E, F, G], []>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E, F, G], []>>
    s: <
      S extends Shape,
      A extends Dim,
      B extends Dim,
      C extends Dim,
      D extends Dim,
      E extends Dim,
      F extends Dim,
      G extends Dim,
    >(
      x: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E, F, G], S>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E, F, G], S>>
  }
}
export interface Binary<P extends AnyPlan, Z extends Sizes> {
  0: {
    '': (
      a: Tensor<InShape<P['ins'][0], P, Z, [], []>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [], [], Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [], []>>
    s: <S extends Shape>(
      a: Tensor<InShape<P['ins'][0], P, Z, [], S>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [], S, Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [], S>>
  }
  1: {
    '': <A extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A], []>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A], [], Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A], []>>
    s: <S extends Shape, A extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A], S>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A], S, Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A], S>>
  }
  2: {
    '': <A extends Dim, B extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B], []>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B], [], Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B], []>>
    s: <S extends Shape, A extends Dim, B extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B], S>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B], S, Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B], S>>
  }
  3: {
    '': <A extends Dim, B extends Dim, C extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C], []>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C], [], Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C], []>>
    s: <S extends Shape, A extends Dim, B extends Dim, C extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C], S>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C], S, Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C], S>>
  }
  4: {
    '': <A extends Dim, B extends Dim, C extends Dim, D extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D], []>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C, D], [], Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D], []>>
    s: <S extends Shape, A extends Dim, B extends Dim, C extends Dim, D extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D], S>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C, D], S, Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D], S>>
  }
  5: {
    '': <A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E], []>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C, D, E], [], Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E], []>>
    s: <S extends Shape, A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E], S>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C, D, E], S, Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E], S>>
  }
  6: {
    '': <A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim, F extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E, F], []>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C, D, E, F], [], Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E, F], []>>
    s: <S extends Shape, A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim, F extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E, F], S>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C, D, E, F], S, Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E, F], S>>
  }
  7: {
    '': <A extends Dim, B extends Dim, C extends Dim, D extends Dim, E extends Dim, F extends Dim, G extends Dim>(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E, F, G], []>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C, D, E, F, G], [], Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E, F, G], []>>
    s: <
      S extends Shape,
      A extends Dim,
      B extends Dim,
      C extends Dim,
      D extends Dim,
      E extends Dim,
      F extends Dim,
      G extends Dim,
    >(
      a: Tensor<InShape<P['ins'][0], P, Z, [A, B, C, D, E, F, G], S>>,
      b: Tensor<InShape<P['ins'][1], P, Z, [A, B, C, D, E, F, G], S, Names<P['ins'][0]>>>,
    ) => Tensor<OutShape<P['out'], P, Z, [A, B, C, D, E, F, G], S>>
  }
}
export type UnaryFn<P, Z extends Sizes> = P extends AnyPlan
  ? P['count'] extends keyof Unary<P, Z>
    ? Unary<P, Z>[P['count']][P['rest'] extends '' ? '' : 's']
    : never
  : (x: AnyTensor) => AnyTensor // a bad signature is reported once, at the signature
export type BinaryFn<P, Z extends Sizes> = P extends AnyPlan
  ? P['count'] extends keyof Binary<P, Z>
    ? Binary<P, Z>[P['count']][P['rest'] extends '' ? '' : 's']
    : never
  : (a: AnyTensor, b: AnyTensor) => AnyTensor

/** the body of a block: its signature with every free name standing for itself, as a symbolic size */
export type Body<P, Z extends Sizes> = P extends AnyPlan
  ? P['rest'] extends ''
    ? (x: Tensor<InShape<P['ins'][0], P, Z, P['names'], []>>) => Tensor<OutShape<P['out'], P, Z, P['names'], []>>
    : '✗ the signature of a block has a fixed rank: no ...'
  : never

/** The function of a signature with one or two inputs; more inputs are typed by hand. */
export type FnOf<Sig extends string, Z extends Sizes = {}> = Sig extends `${infer L}->${string}`
  ? Sides<L>['length'] extends 1
    ? UnaryFn<PlanOf<Sig, keyof Z & string>, Z>
    : Sides<L>['length'] extends 2
      ? BinaryFn<PlanOf<Sig, keyof Z & string>, Z>
      : (...inputs: readonly AnyTensor[]) => Tensor<Shape>
  : never
export type { CheckSig }
