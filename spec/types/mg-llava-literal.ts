/**
 * The whole of MG-LLaVA with literal sizes, written out from layers and ops as a user might: generic blocks, arithmetic of convolutions,
 * fusion, named numbers of boxes and tokens. The budget of the type checker is measured on it.
 */
import { flow, indexInput, input, param, pipe, repeat, size, type Dim, type Index, type Tensor } from 'sluice'
import {
  add,
  attention,
  concat,
  conv2d,
  embedding,
  fanout,
  gated,
  gelu,
  iota,
  layerNorm,
  layerScale,
  linear,
  mul,
  quickGelu,
  rearrange,
  reduce,
  residual,
  rmsNorm,
  roiAlign,
  rope,
  rows,
  sigmoid,
  silu,
} from 'sluice/ops'

// ---- CLIP ViT-L/14-336 ---------------------------------------------------------------------------------------------
const heads = <const H extends number>(h: H) => rearrange('n (h d) -> h n d', { h })
const selfAttention = <N extends Dim>(x: Tensor<[N, 1024]>): Tensor<[N, 1024]> =>
  pipe(
    x,
    fanout({
      q: flow(linear('q_proj', 1024), heads(16)),
      k: flow(linear('k_proj', 1024), heads(16)),
      v: flow(linear('v_proj', 1024), heads(16)),
    }),
    ({ q, k, v }) => attention()(q, k, v),
    rearrange('h n d -> n (h d)'),
    linear('out_proj', 1024),
  )
const clipMlp = flow(linear('fc1', 4096), quickGelu, linear('fc2', 1024))
const clipLayer = <N extends Dim>(x: Tensor<[N, 1024]>) =>
  pipe(x, residual(flow(layerNorm('layer_norm1'), selfAttention)), residual(flow(layerNorm('layer_norm2'), clipMlp)))
const clip = (image: Tensor<[3, 336, 336]>) =>
  pipe(
    image,
    conv2d('patch_embedding', { out: 1024, kernel: 14, stride: 14 }),
    rearrange('c h w -> (h w) c'),
    patches => concat(0)(param('class_embedding', [1, 1024]), patches),
    tokens => add(tokens, param('position_embedding', [577, 1024])),
    layerNorm('pre_layrnorm'),
    repeat('layers', 23, clipLayer),
    rows(1),
  )

// ---- ConvNeXt-L at 768 ---------------------------------------------------------------------------------------------
const convNextBlock =
  <const C extends number>(c: C) =>
  <H extends Dim, W extends Dim>(x: Tensor<[C, H, W]>): Tensor<[C, H, W]> =>
    pipe(
      x,
      residual((y: Tensor<[C, H, W]>) =>
        pipe(
          y,
          conv2d('conv_dw', { out: c, kernel: 7, padding: 'same', groups: c }),
          rearrange('c h w -> h w c'),
          layerNorm('norm'),
          linear('fc1', size.mul(4, c)),
          gelu,
          linear('fc2', c),
          layerScale('gamma'),
          rearrange('h w c -> c h w'),
        ),
      ),
    )
const down = <const O extends number>(out: O) => conv2d('downsample', { out, kernel: 2, stride: 2 })
const convNext = (image: Tensor<[3, 768, 768]>) => {
  const s0 = pipe(image, conv2d('stem', { out: 192, kernel: 4, stride: 4 }), repeat('stages.0', 3, convNextBlock(192)))
  const s1 = pipe(s0, down(384), repeat('stages.1', 3, convNextBlock(384)))
  const s2 = pipe(s1, down(768), repeat('stages.2', 27, convNextBlock(768)))
  const s3 = pipe(s2, down(1536), repeat('stages.3', 3, convNextBlock(1536)))
  return { s0, s1, s2, s3 }
}

// ---- fusion --------------------------------------------------------------------------------------------------------
const convGate = (low: Tensor<[576, 1024]>, high: Tensor<[1536, 24, 24]>) => {
  const fine = pipe(high, conv2d('high', { out: 1024, kernel: 1 }), rearrange('c h w -> (h w) c'))
  const gate = pipe(concat(-1)(low, fine), linear('gate.0', 1024), gelu, linear('gate.2', 1024), sigmoid)
  return add(mul(gate, fine), low)
}

// ---- boxes ---------------------------------------------------------------------------------------------------------
type Stages = ReturnType<typeof convNext>
const boxTokens = <B extends Dim>(maps: Stages, boxes: Tensor<[B, 4]>) => {
  const features = concat(1)(
    roiAlign({ bins: 7, scale: 1 / 4 })(maps.s0, boxes),
    roiAlign({ bins: 7, scale: 1 / 8 })(maps.s1, boxes),
    roiAlign({ bins: 7, scale: 1 / 16 })(maps.s2, boxes),
    roiAlign({ bins: 7, scale: 1 / 32 })(maps.s3, boxes),
  )
  const projected = pipe(features, reduce('mean', 'b c h w -> b c'), linear('fc1', 4096, { from: 2880 }))
  return pipe(projected, gelu, linear('fc2', 4096))
}

// ---- LLaMA ---------------------------------------------------------------------------------------------------------
const split = rearrange('n (h d) -> h n d', { h: 32 })
const llamaAttention =
  <N extends Dim>(positions: Index<[N]>) =>
  (x: Tensor<[N, 4096]>): Tensor<[N, 4096]> =>
    pipe(
      x,
      fanout({
        q: flow(linear('q_proj', 4096), split),
        k: flow(linear('k_proj', 4096), split),
        v: flow(linear('v_proj', 4096), split),
      }),
      ({ q, k, v }) => attention({ causal: true })(rope()(q, positions), rope()(k, positions), v),
      rearrange('h n d -> n (h d)'),
      linear('o_proj', 4096),
    )
const llamaMlp = <N extends Dim>(x: Tensor<[N, 4096]>) =>
  pipe(x, gated(flow(linear('gate_proj', 11008), silu), linear('up_proj', 11008)), linear('down_proj', 4096))
const llamaLayer =
  <N extends Dim>(positions: Index<[N]>) =>
  (x: Tensor<[N, 4096]>): Tensor<[N, 4096]> =>
    pipe(
      x,
      residual(flow(rmsNorm('input_layernorm'), llamaAttention(positions))),
      residual(flow(rmsNorm('post_attention_layernorm'), llamaMlp)),
    )
const llama = <N extends Dim>(x: Tensor<[N, 4096]>, positions: Index<[N]>) =>
  pipe(x, repeat('layers', 32, llamaLayer(positions)), rmsNorm('norm'), linear('lm_head', 32000))

// ---- all of it -----------------------------------------------------------------------------------------------------
const image = input('image', [3, 336, 336])
const detail = input('detail', [3, 768, 768])
const boxes = input('boxes', ['boxes', 4])
const ids = indexInput('ids', ['text'])

const maps = convNext(detail)
const fused = convGate(clip(image), maps.s3)
const picture = pipe(fused, linear('projector.0', 4096), gelu, linear('projector.2', 4096))
const objects = boxTokens(maps, boxes)
const words = embedding('embed_tokens', 32000, 4096)(ids)
const sequence = concat(0)(picture, objects, words)
export const logits: Tensor<['576 + boxes + text', 32000]> = llama(sequence, iota(sequence.shape[0]))
