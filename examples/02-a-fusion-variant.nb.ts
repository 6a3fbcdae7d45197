// %% [markdown]
// # A fusion variant
// MG-LLaVA looks at a picture with two towers and fuses what they see before a language model reads it. The original repository has four
// classes for four fusions, and an integer flag that chooses one. Here a fusion is a composition, and a new one is one more line.

// %%
import { describe, flow, input, named, tap } from 'sluice'
import { add, linear, sigmoid } from 'sluice/ops'
import { align, asTokens, fusion, gateHigh, mgLlava, mgLlavaVicuna7b, scaleBy, side, sum } from 'sluice/models'

// %% [markdown]
// A fusion takes the tokens of the low-resolution tower and the maps of the other, and gives tokens. The four of the original are
// made of the same few pieces:

// %%
const convGate = fusion(flow(align, gateHigh, sum))
const gatedConcat = fusion(flow(align, gateHigh, side))
const concat = fusion(flow(align, side))
const channelConcat = fusion(flow(asTokens, side))

// %% [markdown]
// And this one is yours: a gate for each token instead of one for the picture.

// %%
const perTokenGate = flow(side, linear('gate', 1), sigmoid, named('token_gate'))
const mine = fusion(flow(align, v => add(v.low, scaleBy(v.high, perTokenGate(v)))))

// %% [markdown]
// How wide are their tokens? Nothing states it: it follows.

// %%
const views = { low: input('low', [576, 1024]), high: input('high', [1536, 24, 24]), maps: [] }
for (const [name, fuse] of Object.entries({ convGate, gatedConcat, concat, channelConcat, mine }))
  console.log(name.padEnd(14), fuse(views).shape)
// => convGate       [ 576, 1024 ]
// => gatedConcat    [ 576, 2048 ]
// => concat         [ 576, 2048 ]
// => channelConcat  [ 576, 2560 ]
// => mine           [ 576, 1024 ]

// %% [markdown]
// The whole model with your fusion. Nothing else changes, not even where a fusion makes wider tokens: the projector after it reads what it
// is given, and tsc knows the shape of the result.

// %%
const model = mgLlava({ ...mgLlavaVicuna7b, fusion: mine })
console.log(describe(model, { depth: 2, sizes: { before: 10, boxes: 20, after: 30 } }))
// =>                          shape            parameters                              elements         FLOP
// => model                    [636, 32000]                                               7.28 G  9.828 TFLOP
// => ├─ before                [10]             input of indices
// => ├─ image                 [3, 336, 336]    input
// => ├─ vision_model          [576, 1024]                                               290.9 M  366.6 GFLOP
// => │  ├─ embeddings         [577, 1024]                                               1.194 M  694.2 MFLOP
// => │  ├─ pre_layrnorm       [577, 1024]      weight [1024], bias [1024]               2.048 k  4.727 MFLOP
// => │  ├─ encoder            [577, 1024]                                               289.7 M  365.9 GFLOP
// => │  └─ slice              [576, 1024]
// => ├─ detail                [3, 768, 768]    input
// => ├─ visual.trunk                                                                    196.2 M  810.9 GFLOP
// => │  ├─ stem.0             [192, 192, 192]  weight [192, 3, 4, 4], bias [192]        9.408 k  686.6 MFLOP
// => │  ├─ stem.1             [192, 192, 192]  weight [192], bias [192]                     384  56.62 MFLOP
// => │  ├─ stages.0           [192, 192, 192]                                           918.1 k  68.08 GFLOP
// => │  ├─ stages.1           [384, 96, 96]                                             3.901 M  72.15 GFLOP
// => │  ├─ stages.2           [768, 48, 48]                                             129.8 M  598.9 GFLOP
// => │  └─ stages.3           [1536, 24, 24]                                            61.61 M  71.04 GFLOP
// => ├─ fuse_module           [576, 1024]                                               5.038 M   5.81 GFLOP
// => │  ├─ rearrange          [1024, 24, 24]
// => │  ├─ fast_conv          [1024, 24, 24]   weight [1024, 1, 7, 7], bias [1024]       51.2 k  58.39 MFLOP
// => │  ├─ gelu               [1024, 24, 24]                                                     2.949 MFLOP
// => │  ├─ fast_proj          [1024, 24, 24]   weight [1024, 1024, 1, 1], bias [1024]    1.05 M  1.209 GFLOP
// => │  ├─ add, rearrange     [576, 1024]                                                        589.8 kFLOP
// => │  ├─ slow_conv          [1536, 24, 24]   weight [1536, 1536, 1, 1], bias [1536]   2.361 M  2.719 GFLOP
// => │  ├─ gelu               [1536, 24, 24]                                                     4.424 MFLOP
// => │  ├─ slow_proj          [1024, 24, 24]   weight [1024, 1536, 1, 1], bias [1024]   1.574 M  1.813 GFLOP
// => │  ├─ rearrange, concat  [576, 2048]
// => │  ├─ gate               [576, 1]         weight [1, 2048], bias [1]               2.049 k   2.36 MFLOP
// => │  └─ sigmoid, mul, add  [576, 1024]                                                         1.18 MFLOP
// => ├─ projector             [576, 4096]                                               20.98 M  24.18 GFLOP
// => │  ├─ model.0            [576, 4096]      weight [4096, 1024], bias [4096]         4.198 M  4.834 GFLOP
// => │  ├─ gelu               [576, 4096]                                                         11.8 MFLOP
// => │  └─ model.2            [576, 4096]      weight [4096, 4096], bias [4096]         16.78 M  19.33 GFLOP
// => ├─ boxes                 [20, 4]          input
// => ├─ box_features          [20, 2880]                                                         530.8 MFLOP
// => ├─ bbox_projector        [20, 4096]                                                28.58 M  1.144 GFLOP
// => │  ├─ model.0            [20, 4096]       weight [4096, 2880], bias [4096]          11.8 M  471.9 MFLOP
// => │  ├─ gelu               [20, 4096]                                                         409.6 kFLOP
// => │  └─ model.2            [20, 4096]       weight [4096, 4096], bias [4096]         16.78 M  671.2 MFLOP
// => ├─ after                 [30]             input of indices
// => ├─ concat                [636, 4096]
// => └─ llm                   [636, 32000]                                              6.738 G  8.618 TFLOP
// =>    ├─ iota               [636]
// =>    ├─ model              [636, 4096]                                               6.607 G  8.452 TFLOP
// =>    └─ lm_head            [636, 32000]     weight [32000, 4096]                     131.1 M  166.7 GFLOP

// %% [markdown]
// `tap` finds a value inside it by its name, here the gate you have just made.

// %%
console.log(tap(model, 'token_gate').shape)
// => [ 576, 1 ]

// %% [markdown]
// And where a fusion makes wider tokens, the projector is wider:

// %%
const wider = mgLlava({ ...mgLlavaVicuna7b, fusion: channelConcat })
console.log(tap(wider, 'E_F').shape, '->', tap(wider, 'picture').shape)
// => [ 576, 2560 ] -> [ 576, 4096 ]
