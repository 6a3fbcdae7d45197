// %% [markdown]
// # Your own op
// An op is one record: what it accepts, what it means, and what must be true of it. There is no class to extend and nothing to register.

// %%
import { either as E } from 'fp-ts'
import { checkOp, evaluate, gradient, input, op, opOf, pipe, pointwise, run, seededDraw, wgsl } from 'sluice'
import { add, div, linear, mul, scale, shift, sigmoid, sum } from 'sluice/ops'

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
// ## The kit
// What every op of the library has to stand, yours stands too: shapes against its rule, WGSL against its reference, the gradient against a
// difference quotient, its laws, wrong shapes, and sizes at the edges. It needs no test file. On the command line this is
// `sluice check NAME`.

// %%
for (const made of [quickGelu, charbonnier]) {
  const report = await checkOp(opOf(made), { draw: seededDraw(1), instances: 3, run })
  console.log(report.op, report.rule)
  for (const { title, wrong } of report.checked) console.log(wrong.length === 0 ? '  ok' : '  WRONG', title)
}
// => quickGelu ...s -> ...s
// =>   ok the rule predicts the reference's shape, with numbers and with names
// =>   ok the gradient agrees with a difference quotient
// =>   ok the gradient is the same with named sizes
// =>   ok its laws hold
// =>   ok a wrong shape names the axis and both sizes
// =>   ok sizes of 0, 1, 577 are no exceptions
// =>   ok WGSL agrees with the reference
// => charbonnier ...s -> ...s
// =>   ok the rule predicts the reference's shape, with numbers and with names
// =>   ok the gradient agrees with a difference quotient
// =>   ok the gradient is the same with named sizes
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

// %% [markdown]
// ## Gradients
// are graphs as well, so they are evaluated, compiled and differentiated like everything else.

// %%
const x = input('x', [3])
const [slope] = gradient(sum(0)(charbonnier(x)), [x])
const slopes = evaluate(slope!, { x: [-1, 0, 1] })
console.log(E.isRight(slopes) ? [...slopes.right.data].map(s => s.toFixed(4)) : slopes.left.message)
// => [ '-0.7071', '0.0000', '0.7071' ]
