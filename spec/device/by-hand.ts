/** Lowered programs written by hand, small enough to be checked by eye: what the tests of the memory plan and of the device run. */
import type { BufferPlan, Lowered, Operand, Pass, Storage } from '../../lib/compile/pass.ts'
import { input, nodeOf, param, state, type AnyTensor, type Kind, type Source } from '../../lib/graph/index.ts'
import { size, type Dim, type Shape } from '../../lib/shape/index.ts'

/** y = scale · x + shift for every element; the factors are literals, so that kernels can be made to differ. */
export const affine = (scale: number, shift: number): string => `
struct Sizes { n: i32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> sizes: Sizes;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = i32(id.x);
  if (i < sizes.n) { y[i] = ${scale.toFixed(6)} * x[i] + ${shift.toFixed(6)}; }
}`
/** y = a + b for every element. */
export const sum = `
struct Sizes { n: i32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> sizes: Sizes;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = i32(id.x);
  if (i < sizes.n) { y[i] = a[i] + b[i]; }
}`

export const inputSource = (name: string, shape: Shape): Source => nodeOf(input(name, shape as never)) as Source
export const paramSource = (name: string, shape: Shape): Source =>
  nodeOf(param(name, shape, { init: 'constant', value: 2 })) as Source
export const stateSource = (name: string, shape: Shape): Source => nodeOf(state(name, shape)) as Source

/** Buffers and passes in the order in which they are asked for. */
export const programme = () => {
  const buffers: BufferPlan[] = []
  const passes: Pass[] = []
  const prepare: Pass[] = []
  const buffer = (
    label: string,
    elements: Dim,
    holds: BufferPlan['holds'] = { what: 'work' },
    storage: Storage = 'f32',
    kind: Kind = 'float',
  ): BufferPlan => {
    const made = { id: buffers.length, label, kind, storage, elements, holds }
    buffers.push(made)
    return made
  }
  const pass = (wgsl: string, reads: readonly BufferPlan[], write: BufferPlan, more: Partial<Pass> = {}): Pass => {
    const made: Pass = {
      label: 'affine',
      path: '',
      wgsl,
      reads: reads.map((b): Operand => ({ buffer: b })),
      write: { buffer: write },
      sizes: [write.elements],
      grid: [size.floorDiv(size.add(write.elements, 63), 64), 1, 1],
      features: [],
      flops: size.mul(2, write.elements),
      bytes: size.mul(8, write.elements),
      ...more,
    }
    ;(write.holds.what === 'prepared' ? prepare : passes).push(made)
    return made
  }
  const lowered = (
    outputs: Readonly<Record<string, readonly [AnyTensor, BufferPlan]>>,
    next: Lowered['next'] = [],
  ): Lowered => ({
    buffers,
    prepare,
    passes,
    outputs: Object.entries(outputs).map(([name, [tensor, b]]) => ({ name, tensor, buffer: b })),
    next,
  })
  return { buffer, pass, lowered }
}

/** x, then `depth` times 0.5 · x + 1, each into memory of its own kind: y = 2 + (x - 2) / 2^depth. */
export const chain = (depth: number, elements: Dim = 'n'): Lowered => {
  const { buffer, pass, lowered } = programme()
  const x = inputSource('x', [elements])
  let last = buffer('x', elements, { what: 'input', source: x })
  for (let i = 0; i < depth; i++) {
    const next = buffer(`step ${i}`, elements)
    pass(affine(0.5, 1), [last], next)
    last = next
  }
  return lowered({ y: [x, last] })
}
