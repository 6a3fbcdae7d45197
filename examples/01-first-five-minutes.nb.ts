// %% [markdown]
// # First five minutes
// A model is an expression. Nothing is computed while it is written down: it becomes a graph, in which every tensor has a shape.

// %%
import { either as E } from 'fp-ts'
import { describe, evaluate, input, pipe, run } from 'sluice'
import { gelu, linear, softmax } from 'sluice/ops'

// %% [markdown]
// A size is a number, or a name if it is known later. The width that a linear layer takes follows from what it is given.

// %%
const x = input('x', ['batch', 784])
const hidden = pipe(x, linear('hidden', 128), gelu)
const digits = pipe(hidden, linear('out', 10), softmax)
console.log(digits.shape)
// => [ 'batch', 10 ]

// %% [markdown]
// `describe` shows all of it: what every step returns, its parameters, how many numbers they are, and what it costs.

// %%
console.log(describe(digits))
// =>             shape         parameters                     elements                FLOP
// => model       [batch, 10]                                   101.8 k  204.1 k·batch FLOP
// => ├─ x        [batch, 784]  input
// => ├─ hidden   [batch, 128]  weight [128, 784], bias [128]   100.5 k  200.8 k·batch FLOP
// => ├─ gelu     [batch, 128]                                               640·batch FLOP
// => ├─ out      [batch, 10]   weight [10, 128], bias [10]      1.29 k   2.57 k·batch FLOP
// => └─ softmax  [batch, 10]                                                 40·batch FLOP

// %% [markdown]
// `run` finds the GPU, compiles the graph to WGSL, and runs it. What can go wrong comes back as a value. Weights are initial ones here,
// drawn from a seed.

// %%
const pixels = Float32Array.from({ length: 2 * 784 }, (_, i) => (i % 28) / 28)
const y = await run(digits, { x: pixels })()
console.log(E.isRight(y) ? y.right.shape : y.left.message)
// => [ 2, 10 ]

// %% [markdown]
// `evaluate` computes the same in float64 without a GPU. It is the definition: the GPU has to agree with it.

// %%
const wanted = evaluate(digits, { x: pixels })
const apart =
  E.isRight(y) && E.isRight(wanted) ? wanted.right.data.map((p, i) => Math.abs(p - y.right.data[i]!)) : [Infinity]
console.log(Math.max(...apart) < 1e-6)
// => true

// %% [markdown]
// A wrong width does not compile. Take the comment away, and your editor underlines `linear`:

// %%
// @ts-expect-error Type '128' is not assignable to type '100'.
const refused = () => pipe(hidden, linear('out', 10, { from: 100 }))

// %% [markdown]
// Where tsc cannot know a size, as in a model whose sizes come from a file, the same rule speaks when the graph is built.

// %%
try {
  refused()
} catch (error) {
  console.log(String(error))
}
// => ShapeError: linear 'out' on ['batch', 128]: axis -1 is 128, should be 100
