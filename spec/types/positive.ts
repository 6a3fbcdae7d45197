/**
 * Programs that must compile. Each is built with the shape that tsc computes for it written beside it: `is` does not compile where the
 * two types differ, and positive.test.ts compares the shape that the build computed.
 */
import {
  block,
  flow,
  indexInput,
  input,
  param,
  pipe,
  repeat,
  size,
  type AnyTensor,
  type Dim,
  type Shape,
  type Tensor,
} from 'sluice'
import {
  add,
  attention,
  avgPool2d,
  concat,
  conv2d,
  einsum,
  embedding,
  expectShape,
  fanout,
  fork,
  gated,
  gelu,
  interpolate,
  layerNorm,
  linear,
  matmul,
  mul,
  rearrange,
  reduce,
  reshape,
  residual,
  roiAlign,
  roiMean,
  rows,
  silu,
  transpose,
} from 'sluice/ops'

type Eq<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false

interface Positive {
  readonly name: string
  readonly built: Shape
  readonly expected: Shape
}
export const positives: Positive[] = []
const is = <S extends Shape, const E extends Shape>(
  name: string,
  tensor: Tensor<S>,
  expected: E & (Eq<[...E], S> extends true ? unknown : { 'the type is': S }),
): void => {
  positives.push({ name, built: tensor.shape, expected })
}

const x = input('x', [577, 1024])
const q = input('q', [16, 577, 64])
const image = input('image', [3, 336, 336])
const large = input('large', [3, 768, 768])
const boxes = input('boxes', ['boxes', 4])
const ids = indexInput('ids', ['text'])

// prettier-ignore
{
// layers
is('linear', pipe(x, linear('fc', 4096)), [577, 4096])
is('linear, its input width checked', pipe(x, linear('fc', 4096, { from: 1024 })), [577, 4096])
is('linear, any prefix', pipe(input('x', [2, 'n', 1024]), linear('fc', 10)), [2, 'n', 10])
is('linear on a vector', linear('fc', 10)(input('x', [1024])), [10])
is('layerNorm', pipe(x, layerNorm('norm')), [577, 1024])
is('embedding', pipe(ids, embedding('embed', 32000, 4096)), ['text', 4096])
is('matmul', matmul(x, input('w', [1024, 10])), [577, 10])
is('matmul, batched', matmul(q, transpose(q)), [16, 577, 577])
is('matmul, symbolic', matmul(input('a', ['b', 'n', 64]), input('b', ['b', 64, 'm'])), ['b', 'n', 'm'])
is('attention', attention()(q, input('k', [16, 'text', 64]), input('v', [16, 'text', 32])), [16, 577, 32])
// convolution arithmetic
is('patches: (336-14)/14+1', pipe(image, conv2d('c', { out: 1024, kernel: 14, stride: 14 })), [1024, 24, 24])
is('stem: (768-4)/4+1', pipe(large, conv2d('c', { out: 192, kernel: 4, stride: 4 })), [192, 192, 192])
is('7x7 padding 3', pipe(input('x', [192, 50, 60]), conv2d('c', { out: 192, kernel: 7, padding: 3 })), [192, 50, 60])
is('3x3 stride 2 padding 1 floors', pipe(input('x', [8, 225, 224]), conv2d('c', { out: 8, kernel: 3, stride: 2, padding: 1 })), [8, 113, 112])
is('conv keeps a symbolic size', pipe(input('x', [8, 'h', 'w']), conv2d('c', { out: 8, kernel: 3, padding: 1 })), [8, 'h', 'w'])
is('conv, padding same', pipe(input('x', [8, 'h', 'w']), conv2d('c', { out: 16, kernel: 5, padding: 'same' })), [16, 'h', 'w'])
is('conv on a symbolic size', pipe(input('x', [8, 'h', 'w']), conv2d('c', { out: 8, kernel: 14, stride: 14 })), [8, 'floor(h,14)', 'floor(w,14)'])
is('halves taken one by one', pipe(input('x', ['n', 4]), rearrange('(h pair) c -> pair h c', { pair: 2 }), conv2d('c', { out: 3, kernel: 1 })), [3, 'div(n,2)', 4])
is('conv with a batch', pipe(input('x', ['b', 3, 336, 336]), conv2d('c', { out: 8, kernel: 14, stride: 14 })), ['b', 8, 24, 24])
is('pool', pipe(input('x', [8, 48, 48]), avgPool2d({ kernel: 2 })), [8, 24, 24])
is('resize', pipe(input('x', [8, 24, 24]), interpolate({ size: [48, 'w'], mode: 'bilinear' })), [8, 48, 'w'])
is('roiAlign', roiAlign({ bins: 7, scale: 0.25 })(input('f', [192, 192, 192]), boxes), ['boxes', 192, 7, 7])
is('roiMean', roiMean({ bins: 7, scale: 0.25 })(input('f', [192, 192, 192]), boxes), ['boxes', 192])
// moving axes
is('transpose', transpose(x), [1024, 577])
is('split heads', pipe(x, rearrange('n (h d) -> h n d', { h: 16 })), [16, 577, 64])
is('split heads, number in the pattern', pipe(x, rearrange('n (16 d) -> 16 n d')), [16, 577, 64])
is('merge heads', pipe(q, rearrange('h n d -> n (h d)')), [577, 1024])
is('flatten', pipe(input('x', [1024, 24, 24]), rearrange('c h w -> (h w) c')), [576, 1024])
is('unflatten', pipe(input('x', [576, 1024]), rearrange('(h w) c -> c h w', { h: 24, w: 24 })), [1024, 24, 24])
is('pixel unshuffle', pipe(input('x', [64, 48, 48]), rearrange('c (h a) (w b) -> (c a b) h w', { a: 2, b: 2 })), [256, 24, 24])
is('symbolic product', pipe(input('x', ['boxes', 7, 7, 256]), rearrange('b h w c -> (b h w) c')), ['49*boxes', 256])
is('symbolic product undone', pipe(input('x', ['boxes', 7, 7, 256]), rearrange('b h w c -> (b h w) c'), rearrange('(b p) c -> b p c', { p: 49 })), ['boxes', 49, 256])
is('new axis, repeated', pipe(input('x', [1024]), rearrange('d -> n d', { n: 577 })), [577, 1024])
is('rest axes', pipe(input('x', [2, 3, 577, 1024]), rearrange('...s n (h d) -> ...s h n d', { h: 16 })), [2, 3, 16, 577, 64])
is('reshape', pipe(x, reshape([1024, 577])), [1024, 577])
is('reshape, symbolic', pipe(input('x', ['n', 6, 'm']), reshape([2, 'm', 'n', 3])), [2, 'm', 'n', 3])
is('reduce', pipe(input('x', [2, 577, 1024]), reduce('mean', 'b n d -> b d')), [2, 1024])
is('einsum', einsum('h i d, h j d -> h i j')(q, input('k', [16, 'text', 64])), [16, 577, 'text'])
is('einsum outer', einsum('i, j -> i j')(input('a', [3]), input('b', ['n'])), [3, 'n'])
is('broadcast', add(x, input('b', [1024])), [577, 1024])
is('broadcast both ways', mul(input('a', [577, 1]), input('b', [2, 1, 1024])), [2, 577, 1024])
// joining
is('concat', concat(0)(input('a', [1, 1024]), input('b', [576, 1024])), [577, 1024])
is('concat, three with names', concat(0)(input('t', ['text', 8]), input('i', [576, 8]), input('b', ['boxes', 8])), ['576 + boxes + text', 8])
is('concat, order does not matter', concat(0)(input('b', ['boxes', 8]), input('i', [576, 8]), input('t', ['text', 8])), ['576 + boxes + text', 8])
is('concat, last axis', concat(-1)(x, input('b', [577, 1536])), [577, 2560])
is('concat, second axis', concat(1)(input('a', ['boxes', 192, 7, 7]), input('b', ['boxes', 384, 7, 7])), ['boxes', 576, 7, 7])
is('like terms', concat(0)(input('a', ['n', 8]), input('b', ['n', 8]), input('c', [3, 8])), ['3 + 2*n', 8])
is('drop the class token', pipe(x, rows(1)), [576, 1024])
is('rows', pipe(x, rows(1, 101)), [100, 1024])
is('rows of a sum', pipe(concat(0)(input('i', [576, 8]), input('b', ['boxes', 8])), rows(576)), ['boxes', 8])
// composition
const mlp = flow(linear('fc1', 4096), gelu, linear('fc2', 1024))
is('point-free flow, used at one rank', mlp(x), [577, 1024])
is('point-free flow, used at another', mlp(input('x', [2, 'n', 1024])), [2, 'n', 1024])
is('residual', pipe(x, residual(mlp)), [577, 1024])
is('residual of a flow', pipe(x, residual(flow(layerNorm('norm'), mlp))), [577, 1024])
is('repeat', pipe(x, repeat('layers', 24, flow(residual(mlp), layerNorm('norm')))), [577, 1024])
const f = pipe(x, fanout({ q: linear('q', 64), v: flow(linear('v', 32), gelu) }))
is('fanout q', f.q, [577, 64])
is('fanout v', f.v, [577, 32])
const [left, right] = fork(linear('l', 64), flow(linear('r', 32), gelu))(x)
is('fork left', left, [577, 64])
is('fork right', right, [577, 32])
is('gated', pipe(x, gated(flow(linear('g', 11008), silu), linear('u', 11008))), [577, 11008])
// generic code
const generic = <N extends Dim>(y: Tensor<[N, 1024]>): Tensor<[N, 1024]> => pipe(y, residual(mlp), rearrange('n (h d) -> h n d', { h: 16 }), rearrange('h n d -> n (h d)'))
is('generic block, literal', pipe(x, repeat('layers', 3, generic)), [577, 1024])
is('generic block, symbolic', pipe(input('x', ['text', 1024]), generic), ['text', 1024])
const prepend = <N extends Dim>(y: Tensor<[N, 1024]>) => concat(0)(param('cls', [1, 1024]), y)
is('generic block that adds', prepend(input('x', [576, 1024])), [577, 1024])
is('generic block that adds, symbolic', prepend(input('x', ['n', 1024])), ['1 + n', 1024])
const widen = <const D extends number>(d: D) => flow(linear('up', size.mul(4, d)), gelu, linear('down', d))
is('generic in the width', pipe(input('x', [5, 192]), widen(192)), [5, 192])
const heads = <S extends Shape, N extends Dim>(y: Tensor<[...S, N, 1024]>) => pipe(y, rearrange('...s n (h d) -> ...s h n d', { h: 16 }))
is('generic in the leading axes', pipe(input('x', ['b', 5, 1024]), heads), ['b', 16, 5, 64])
const prefixed = block('prepend', 'n d -> 1+n d', y => concat(0)(param('cls', [1, 1024]), y), { d: 1024 })
const known = <N extends Dim, D extends Dim>(y: Tensor<[N, D]>) => pipe(y, expectShape([y.shape[0], y.shape[1]]))
is('expectShape', pipe(x, expectShape([577, 1024])), [577, 1024])
is('expectShape with generic sizes', known(x), [577, 1024])
is('block with a sum', prefixed(input('x', [576, 1024])), [577, 1024])
is('block with a sum, symbolic', prefixed(input('x', ['boxes', 1024])), ['1 + boxes', 1024])
const four = block('four', 'c h w -> (c 4) h w', y => concat(0)(y, y, y, y))
is('block with a product', four(input('x', [64, 'h', 24])), [256, 'h', 24])
}

/** Lists of tensors of any shape need no `any`. */
export const everything: readonly AnyTensor[] = [x, q, image, large, boxes, ids]
