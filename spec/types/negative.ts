/**
 * Mistakes, one a line: neg(name, what tsc must say, what the build must say, the mistake). Here every mistake is expected, so that this
 * file compiles; negative.test.ts takes the expectations away and reads what the compilers say of each line. A build that is not asked
 * (null) must be silent.
 */
/* eslint-disable @typescript-eslint/ban-ts-comment -- every line is a mistake on purpose */
import {
  ShapeError,
  block,
  flow,
  indexInput,
  input,
  param,
  pipe,
  repeat,
  type AnyTensor,
  type Dim,
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
  gated,
  gelu,
  linear,
  matmul,
  mul,
  rearrange,
  reduce,
  reshape,
  residual,
  rope,
  rows,
  silu,
  softmax,
} from 'sluice/ops'

interface Negative {
  readonly name: string
  /** undefined: tsc cannot see it */
  readonly tsc: RegExp | undefined
  readonly build: RegExp | null
  readonly mistake: () => unknown
}
export const negatives: Negative[] = []
const neg = (name: string, tsc: RegExp | undefined, build: RegExp | null, mistake: () => unknown): void => {
  negatives.push({ name, tsc, build, mistake })
}
/** What the build says of a mistake: the message of its ShapeError, or nothing. Any other error passes. */
export const builtOf = (mistake: () => unknown): string => {
  try {
    mistake()
    return 'nothing'
  } catch (e) {
    if (e instanceof ShapeError) return e.message
    throw e
  }
}

const x = input('x', [577, 1024])
const q = input('q', [16, 577, 64])
const image = input('image', [3, 336, 336])
const mlp = flow(linear('fc1', 4096), gelu, linear('fc2', 1024))
const some = negatives.length > 0

// prettier-ignore
{
// @ts-expect-error
neg('linear', /Tensor<\[577, 1024\]>.*not assignable to.*Tensor<\[577, 768\]>[^]*'1024' is not assignable to type '768'/, /linear.*1024, should be 768/, () => pipe(x, linear('fc', 10, { from: 768 })))
// @ts-expect-error
neg('linear, second in a pipe', /Tensor<\[577, 4096\]>.*not assignable to.*Tensor<\[577, 1024\]>/, /4096, should be 1024/, () => pipe(x, linear('fc1', 4096), gelu, linear('fc2', 10, { from: 1024 }), gelu))
// @ts-expect-error
neg('linear in a flow', /Tensor<\[\.\.\.S, 4096\]>.*not assignable to.*Tensor<\[\.\.\.S, 1024\]>/, null, () => flow(linear('fc1', 4096), linear('fc2', 10, { from: 1024 })))
// @ts-expect-error
neg('linear on a symbolic width', /'"width"' is not assignable to type '1024'/, /'?width'?, should be 1024/, () => pipe(input('x', [5, 'width']), linear('fc', 10, { from: 1024 })))
// @ts-expect-error
neg('linear on a scalar', /Source has 0 element\(s\) but target requires 1/, /needs at least 1 axes, has 0/, () => linear('fc', 10)(input('x', [])))
// @ts-expect-error
neg('embedding of numbers', /Tensor<\[577, 1024\]>' is not assignable to parameter of type 'Index/, /holds numbers, should hold indices/, () => embedding('embed', 32000, 4096)(x))
// @ts-expect-error
neg('indices in an op of numbers', /Index<\["text"\]>' is not assignable to parameter of type 'Tensor/, /holds indices, should hold numbers/, () => gelu(indexInput('ids', ['text'])))
// @ts-expect-error
neg('matmul inner', /Tensor<\[1536, 4096\]>.*not assignable to.*Tensor<\[1024, 4096\]>[^]*'1536' is not assignable to type '1024'/, /axis 'k' is 1024 in input 1 but 1536 in input 2/, () => matmul(x, input('w', [1536, 4096])))
// @ts-expect-error
neg('matmul batch', /✗ 8 does not broadcast with 16/, /16.* but .*8/, () => matmul(q, input('w', [8, 64, 577])))
// @ts-expect-error
neg('matmul symbolic', /'"m"' is not assignable to type '"n"'/, /axis 'k' is n in input 1 but m in input 2/, () => matmul(input('a', [3, 'n']), input('b', ['m', 3])))
// @ts-expect-error
neg('matmul rank', /Tensor<\[1024\]>.*not assignable/, /rank 1/, () => matmul(x, input('b', [1024])))
// @ts-expect-error
neg('attention keys and values', /Tensor<\[16, "boxes", 64\]>.*not assignable to.*Tensor<\[16, "text", 64\]>/, /text.*boxes/, () => attention()(q, input('k', [16, 'text', 64]), input('v', [16, 'boxes', 64])))
// @ts-expect-error
neg('attention head size', /Tensor<\[16, 577, 32\]>.*not assignable to.*Tensor<\[16, 577, 64\]>/, /64.*32/, () => attention()(q, input('k', [16, 577, 32]), q))
neg('attention heads', undefined, /16.*7/, () => attention()(q, input('k', [7, 577, 64]), input('v', [7, 577, 64])))
// @ts-expect-error
neg('rope on an odd size', /'63' is not assignable to type '"✗ 63 is not divisible by 2"'/, /63.* 2/, () => rope({ theta: 10000 })(input('q', [16, 577, 63]), indexInput('p', [577])))
// @ts-expect-error
neg('conv window', /'5' is not assignable to type '"✗ window 7 does not fit 5 with padding 0"'/, /window.* 7 .*5/, () => pipe(input('x', [3, 5, 5]), conv2d('c', { out: 8, kernel: 7 })))
// @ts-expect-error
neg('conv rank', /Source has 2 element\(s\)|Tensor<\[577, 1024\]>.*not assignable/, /needs at least 3 axes, has 2/, () => pipe(x, conv2d('c', { out: 8, kernel: 3 })))
// @ts-expect-error
neg('conv result', /✗ 23 does not broadcast with 24/, /24 in input 1 but 23 in input 2/, () => add(pipe(image, conv2d('c', { out: 1024, kernel: 14, stride: 14 })), input('y', [1024, 23, 24])))
// @ts-expect-error
neg('pool window', /'1' is not assignable to type '"✗ window 2 does not fit 1 with padding 0"'/, /window.* 2 .*1/, () => pipe(input('x', [8, 1, 1]), avgPool2d({ kernel: 2 })))
// @ts-expect-error
neg('split heads', /'1000' is not assignable to type '"✗ 1000 is not divisible by 16"'/, /rearrange .*1000 is not divisible by 16/, () => pipe(input('x', [577, 1000]), rearrange('n (h d) -> h n d', { h: 16 })))
// @ts-expect-error
neg('split heads, both sizes', /Tensor<\[577, 1024\]>.*not assignable to.*Tensor<\[577, 512\]>/, /'\(h d\)' is 1024 in input 1, should be 512/, () => pipe(x, rearrange('n (h d) -> h n d', { h: 16, d: 32 })))
// @ts-expect-error
neg('rearrange rank', /Source has 2 element\(s\) but target requires 3/, /of rank 2, should have 3 axes/, () => pipe(x, rearrange('h n d -> n (h d)')))
// @ts-expect-error
neg('rearrange: unknown name', /"✗ 'e' is not defined on the left of 'n \(h d\) -> h n e'"/, /'e' is not defined/, () => rearrange('n (h d) -> h n e', { h: 16 })(x as never))
// @ts-expect-error
neg('rearrange: two unknowns', /"✗ '\(h d\)': give a size to all but one of its axes"/, /give a size to all but one/, () => rearrange('n (h d) -> h n d')(x as never))
// @ts-expect-error
neg('rearrange: no arrow', /"✗ 'n d' has no '->'"/, /has no '->'/, () => rearrange('n d')(x as never))
// @ts-expect-error
neg('unflatten', /'577' is not assignable to type '576'/, /'\(h w\)' is 577 in input 1, should be 576/, () => pipe(x, rearrange('(h w) c -> c h w', { h: 24, w: 24 })))
// @ts-expect-error
neg('square', /Tensor<\[3, 5\]>.*not assignable to.*Tensor<\[3 \| 5, 3 \| 5\]>/, /axis 'a' is 3.* but 5|'a' stands twice/, () => reduce('sum', 'a a -> a')(input('x', [3, 5])))
// @ts-expect-error
neg('einsum', /Tensor<\[16, "text", 32\]>.*not assignable to.*Tensor<\[16, "text", 64\]>/, /axis 'd' is 64 in input 1 but 32 in input 2/, () => einsum('h i d, h j d -> h i j')(q, input('k', [16, 'text', 32])))
// @ts-expect-error
neg('reshape', /"✗ reshape: \[577, 1024\] has 590848 elements, \[576, 1024\] has 589824"/, /590848.*589824/, () => pipe(x, reshape([576, 1024])))
// @ts-expect-error
neg('reshape, symbolic', /"✗ reshape: \[n, 6\] has 6\*n elements, \[n, 2, 2\] has 4\*n"/, /6\*n.*4\*n/, () => pipe(input('x', ['n', 6]), reshape(['n', 2, 2])))
// @ts-expect-error
neg('concat other axis', /Tensor<\["boxes", 1024\]>.*not assignable to.*Tensor<\["boxes", 4096\]>/, /axis 1 is 4096 in input 1 but 1024 in input 2/, () => concat(0)(input('i', [576, 4096]), input('b', ['boxes', 1024])))
// @ts-expect-error
neg('concat third', /Tensor<\["text", 1024\]>.*not assignable to.*Tensor<\["text", 4096\]>/, /4096 in input 1 but 1024 in input 3/, () => concat(0)(input('i', [576, 4096]), input('b', ['boxes', 4096]), input('t', ['text', 1024])))
// @ts-expect-error
neg('concat sum', /✗ 576 \+ text does not broadcast with 576 \+ boxes/, /576 \+ boxes in input 1 but 576 \+ text in input 2/, () => add(concat(0)(input('i', [576, 8]), input('b', ['boxes', 8])), concat(0)(input('i', [576, 8]), input('t', ['text', 8]))))
// @ts-expect-error
neg('add', /✗ 576 does not broadcast with 577/, /add .*577 in input 1 but 576 in input 2/, () => add(x, input('y', [576, 1024])))
// @ts-expect-error
neg('broadcast of one axis', /✗ 576 does not broadcast with 577/, /577 in input 1 but 576 in input 2/, () => mul(x, input('y', [576, 1])))
// @ts-expect-error
neg('rows', /'577' is not assignable to type '"✗ 577 - 600 is negative"'/, /577.*600/, () => pipe(x, rows(0, 600)))
// @ts-expect-error
neg('residual changes the shape', /Tensor<\[577, 4096\]>.*Tensor<\[577, 1024\]>/, /add .*1024 in input 1 but 4096 in input 2/, () => pipe(x, residual(linear('fc', 4096))))
// @ts-expect-error
neg('residual wrong input', /Tensor<\[577, 1024\]>.*Tensor<\[577, 768\]>|Tensor<\[577, 768\]>.*Tensor<\[577, 1024\]>/, /768.*1024/, () => pipe(input('x', [577, 768]), residual(mlp)))
// @ts-expect-error
neg('repeat changes the shape', /Tensor<\[577, 4096\]>.*Tensor<\[577, 1024\]>/, /linear 'layers\.1\.fc' on \[577, 4096\]: axis -1 is 4096, should be 1024/, () => pipe(x, repeat('layers', 2, linear('fc', 4096, { from: 1024 }))))
// @ts-expect-error
neg('fanout', /Tensor<\[577, 1024\]>.*not assignable to.*Tensor<\[577, 768\]>/, /1024, should be 768/, () => pipe(x, fanout({ q: linear('q', 64), k: linear('k', 64, { from: 768 }) })))
// @ts-expect-error
neg('gated', /Tensor<\[577, 11007\]>.*Tensor<\[577, 11008\]>/, /mul .*11008 in input 1 but 11007 in input 2/, () => pipe(x, gated(flow(linear('g', 11008), silu), linear('u', 11007))))
// @ts-expect-error
neg('generic block', /'1024' is not assignable to type '768'/, null, () => <N extends Dim>(y: Tensor<[N, 1024]>) => pipe(y, linear('fc', 10, { from: 768 })))
// @ts-expect-error
neg('generic sizes are not equal', /'M' is not assignable to type 'N'|'N' is not assignable to type 'M'/, null, () => <N extends Dim, M extends Dim>(a: Tensor<[N, 8]>, b: Tensor<[8, M]>) => matmul(b, a))
// @ts-expect-error
neg('size that tsc cannot see', /not a literal: write `as const`, give the size a name, or use inputOf/, null, () => input('x', [Number('5'), 1024]))
// @ts-expect-error
neg('box projector width', /'2880' is not assignable to type '2881'/, /2880, should be 2881/, () => pipe(input('b', ['boxes', 2880]), linear('fc', 4096, { from: 2881 })))
// @ts-expect-error
neg('block body', /Tensor<\["1 \+ n", 1024\]>.*Tensor<\["n", 1024\]>/, /prepend \(n d -> n d\): the body gives \[6, 1024\], the signature says \[5, 1024\]/, () => block('prepend', 'n d -> n d', y => concat(0)(param('cls', [1, 1024]), y), { d: 1024 })(input('x', [5, 1024])))
// @ts-expect-error
neg('block argument', /Tensor<\[5, 768\]>.*not assignable to.*Tensor<\[5, 1024\]>/, /axis 'd' is 768 in input 1, should be 1024/, () => block('id', 'n d -> n d', y => gelu(y), { d: 1024 })(input('x', [5, 768])))
// @ts-expect-error
neg('block with rest axes', /the signature of a block has a fixed rank/, null, () => block('id', '...s d -> ...s d', (y: AnyTensor) => y))
// @ts-expect-error
neg('generic division', /Divisible<D, 16>/, null, () => <N extends Dim, D extends Dim>(y: Tensor<[N, D]>) => pipe(y, rearrange('n (h d) -> h n d', { h: 16 })))
neg('expectShape is checked by the build', undefined, /the shape is \[577, 1024\], should be \[577, 1000\]/, () => expectShape([577, 1000])(x))
// @ts-expect-error
neg('a union of sizes', /one of several sizes/, null, () => input('x', [some ? 1024 : 768, 4]))
// @ts-expect-error
neg('a fraction', /1\.5 is not a whole number/, /input: 'x' \[1.5, 4\]: 1.5 is not a size/, () => input('x', [1.5, 4]))
// @ts-expect-error
neg('a bad name', /'576 \+ boxes' is not a name/, /'576 \+ boxes' is not a name/, () => input('x', ['576 + boxes', 4]))
// @ts-expect-error
neg('union through a layer', /Tensor<\[577, 1024\]>.*not assignable to.*768 \| 1024|1024 \| 768/, /1024, should be 768/, () => pipe(x, linear('fc', 10, { from: some ? 1024 : 768 })))
// @ts-expect-error
neg('softmax keeps the shape', /Tensor<\[577, 1024\]>' is not assignable to type 'Tensor<\[577, 1000\]>'/, null, (): Tensor<[577, 1000]> => softmax(x))
}
