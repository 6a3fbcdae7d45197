// %% [markdown]
// # Your own op
// An op is one record: what it accepts, what it means, and what must be true of it. There is no class to extend and nothing to register.

// %%
import { either as E } from 'fp-ts'
import {
  checkOp,
  evaluate,
  gradient,
  input,
  op,
  opOf,
  pipe,
  pointwise,
  run,
  seededDraw,
  size,
  wgsl,
  type Dim,
  type Shape,
  type Tensor,
} from 'sluice'
import { add, div, flip, linear, mul, scale, shift, sigmoid, sum } from 'sluice/ops'

// %% [markdown]
// ## Made of other ops
// Its meaning is a graph. The reference, the gradient and the WGSL follow from it.

// %%
/** x · sigmoid(1.702 x), the activation of CLIP. Hendrycks & Gimpel 2016. */
const quickGelu = op('quickGelu', {
  rule: '...s -> ...s',
  meaning: x => mul(x, sigmoid(scale(1.702)(x))),
  laws: { 'is x less its mirror image': (f, x) => [f(x), add(x, f(scale(-1)(x)))] },
})

// %% [markdown]
// It is typed by its rule, and used like any other:

// %%
const y = pipe(input('x', ['batch', 32]), linear('up', 128), quickGelu)
console.log(y.shape)
// => [ 'batch', 128 ]

// %% [markdown]
// ## A primitive
// One that no other op can say gives its reference, its WGSL and its gradient. `pointwise` writes the first two for ops that work element
// by element.

// %%
/** sqrt(x² + c²) - c, the loss of Charbonnier et al. 1994: |x| without its corner. */
const charbonnier = op('charbonnier', {
  rule: '...s -> ...s',
  ...pointwise(
    x => Math.sqrt(x * x + 1) - 1,
    x => wgsl`(sqrt(${x} * ${x} + 1.0) - 1.0)`,
  ),
  gradient: (dy, { inputs: [x], output }) => [mul(dy, div(x!, shift(1)(output)))],
})

// %% [markdown]
// ## With a kernel of its own
// Three forms say what one element of the output is, and the compiler makes kernels of them: `each`, `reduce`, `contract`. What fits none, such as a
// recurrence whose every step needs the one before, is a `kernel`: WGSL as you write it, and its grid. Here are rows with an echo, y[i] = x[i] + decay y[i - 1],
// as state-space models have them. The gradient is
// the same, from the end; since the record names its own op there, the type stands beside it.

// %%
type Echo = (decay: number) => <S extends Shape, N extends Dim>(x: Tensor<[...S, N]>) => Tensor<[...S, N]>
/** The op, with a kernel that starts its rows with `y`. */
const echoFrom = (start: string): Echo =>
  op('echo', {
    args: (decay: number) => ({ decay }),
    rule: '...s n -> ...s n',
    reference: ([x], { attrs, shape }) => {
      const y = Float64Array.from(x!.data)
      const n = shape.at(-1)!
      for (let i = 0; i < y.length; i++) if (i % n > 0) y[i]! += attrs.decay * y[i - 1]!
      return y
    },
    form: ({ attrs, shape }) => {
      const rows = size.prod(shape.slice(0, -1))
      const code = (rows: string, n: string): string => `
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = i32(group.y * 32768u + group.x) * 64 + i32(lane);
  if (row >= ${rows}) { return; }
  var last = ${start};
  for (var i = row * ${n}; i < (row + 1) * ${n}; i += 1) {
    last = x0[i] + ${attrs.decay} * last;
    y[i] = last;
  }
}`
      return {
        form: 'kernel',
        text: (_device, write) => ({
          code: code(write(rows), write(shape.at(-1)!)),
          grid: [size.floorDiv(size.add(rows, 63), 64), 1, 1],
        }),
      }
    },
    gradient: (dy, { attrs }) => [pipe(dy, flip(-1), echo(attrs.decay), flip(-1))],
    laws: { 'is linear': (f, x) => [f(scale(3)(x)), scale(3)(f(x))] },
    sampleAttrs: draw => ({ decay: draw.number(-0.9, 0.9) }),
  })
const echo = echoFrom('0.0')

// %% [markdown]
// A size may have a name that is known when the program runs: `write` says how the kernel reads it, and `size` computes with it. Around such a kernel
// nothing is fused, so it is the last resort; everything else about it is as for any op.

// %%
console.log(pipe(input('signal', ['batch', 16]), echo(0.5), linear('after', 4)).shape)
// => [ 'batch', 4 ]

// %% [markdown]
// ## The kit
// What every op of the library has to stand, yours stands too: shapes against its rule, WGSL against its reference, the gradient against a
// difference quotient, its laws, wrong shapes, and sizes at the edges. It needs no test file. On the command line this is
// `npm run sluice -- check NAME`.

// %%
for (const made of [quickGelu, charbonnier, echo]) {
  const report = await checkOp(opOf(made), { draw: seededDraw(1), instances: 3, run })
  console.log(report.op, report.rule)
  for (const { title, wrong } of report.checked) console.log(wrong.length === 0 ? '  ok' : '  WRONG', title)
}
// => quickGelu ...s -> ...s
// =>   ok the rule predicts the reference's shape, with numbers and with names
// =>   ok the gradient agrees with a difference quotient
// =>   ok the gradient of its gradient agrees with a difference quotient
// =>   ok the gradient is the same with named sizes
// =>   ok its laws hold
// =>   ok a wrong shape names the axis and both sizes
// =>   ok sizes of 0, 1, 577 are no exceptions
// =>   ok WGSL agrees with the reference
// => charbonnier ...s -> ...s
// =>   ok the rule predicts the reference's shape, with numbers and with names
// =>   ok the gradient agrees with a difference quotient
// =>   ok the gradient of its gradient agrees with a difference quotient
// =>   ok the gradient is the same with named sizes
// =>   ok a wrong shape names the axis and both sizes
// =>   ok sizes of 0, 1, 577 are no exceptions
// =>   ok WGSL agrees with the reference
// => echo ...s n -> ...s n
// =>   ok the rule predicts the reference's shape, with numbers and with names
// =>   ok the gradient agrees with a difference quotient
// =>   ok the gradient of its gradient agrees with a difference quotient
// =>   ok the gradient is the same with named sizes
// =>   ok its laws hold
// =>   ok a wrong shape names the axis and both sizes
// =>   ok sizes of 0, 1, 577 are no exceptions
// =>   ok WGSL agrees with the reference

// %% [markdown]
// It finds a wrong one:

// %%
const cube = op('cube', {
  rule: '...s -> ...s',
  ...pointwise(
    x => x ** 3,
    x => wgsl`(${x} * ${x} * ${x})`,
  ),
  gradient: (dy, { inputs: [x] }) => [mul(dy, scale(2)(mul(x!, x!)))],
})
const report = await checkOp(opOf(cube), { draw: seededDraw(1), instances: 1 })
for (const { title, wrong } of report.checked) console.log(wrong.length === 0 ? 'ok' : `WRONG ${title}:\n  ${wrong[0]}`)
// => ok
// => WRONG the gradient agrees with a difference quotient:
// =>   cube on [2]: the gradient for input 1 says 0.016988155358063826 along a direction, the difference quotient 0.025482233035820086
// => ok
// => ok
// => ok
// => ok

// %% [markdown]
// And a kernel that is wrong, one that starts every row with 1:

// %%
const fromOne = await checkOp(opOf(echoFrom('1.0')), { draw: seededDraw(1), instances: 1, run })
const rounded = (text = ''): string => text.replace(/\d+\.\d+/g, number => Number(number).toFixed(3))
for (const { title, wrong } of fromOne.checked)
  if (wrong.length > 0) console.log(`WRONG ${title}:\n  ${rounded(wrong[0])}`)
// => WRONG WGSL agrees with the reference:
// =>   echo with {"decay":-0.165} on [3]: element 0 is 1.269, should be 1.434, off by 0.165 where 0.000 is allowed (and 2 more of 3) (attention)

// %% [markdown]
// ## Gradients
// are graphs as well, so they are evaluated, compiled and differentiated like everything else.

// %%
const x = input('x', [3])
const [slope] = gradient(sum(0)(charbonnier(x)), [x])
const slopes = evaluate(slope!, { x: [-1, 0, 1] })
console.log(E.isRight(slopes) ? [...slopes.right.data].map(s => s.toFixed(4)) : slopes.left.message)
// => [ '-0.7071', '0.0000', '0.7071' ]
