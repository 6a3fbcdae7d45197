// Which of the ops that MG-LLaVA needs does the ORT WebGPU EP run itself (CPU fallback disabled)? One-node ONNX models.
import ort from 'onnxruntime-node'
import { node, model } from './lib/onnx.mjs'
const f = n => Float32Array.from({ length: n }, (_, i) => Math.sin(i)),
  T = (d, a) => [d, a ?? f(d.reduce((x, y) => x * y, 1))]
const cases = {
  RoiAlign: [
    node('RoiAlign', ['x', 'r', 'b'], ['y'], { output_height: 7, output_width: 7, sampling_ratio: 2 }),
    { x: T([1, 8, 16, 16]), r: T([2, 4], Float32Array.of(0, 0, 8, 8, 2, 2, 12, 12)) },
    [2, 8, 7, 7],
    { b: BigInt64Array.of(0n, 0n) },
  ],
  NonMaxSuppression: [
    node('NonMaxSuppression', ['bx', 'sc', 'mo', 'iou', 'th'], ['y']),
    { bx: T([1, 4, 4]), sc: T([1, 1, 4]) },
    null,
    { mo: BigInt64Array.of(10n) },
    { iou: [1], th: [1] },
  ],
  LayerNormalization: [
    node('LayerNormalization', ['x', 'g', 'b'], ['y'], { axis: -1 }),
    { x: T([4, 64]), g: T([64]), b: T([64]) },
    [4, 64],
  ],
  RMSNorm_Simplified: [
    node('SimplifiedLayerNormalization', ['x', 'g'], ['y'], { axis: -1 }),
    { x: T([4, 64]), g: T([64]) },
    [4, 64],
  ],
  Gelu: [node('Gelu', ['x'], ['y']), { x: T([4, 64]) }, [4, 64]],
  Erf: [node('Erf', ['x'], ['y']), { x: T([4, 64]) }, [4, 64]],
  ConvDepthwise: [
    node('Conv', ['x', 'w'], ['y'], { group: 8, kernel_shape: [7, 7], pads: [3, 3, 3, 3] }),
    { x: T([1, 8, 16, 16]), w: T([8, 1, 7, 7]) },
    [1, 8, 16, 16],
  ],
  ConvTranspose: [
    node('ConvTranspose', ['x', 'w'], ['y'], { kernel_shape: [2, 2], strides: [2, 2] }),
    { x: T([1, 8, 4, 4]), w: T([8, 4, 2, 2]) },
    [1, 4, 8, 8],
  ],
  Softmax: [node('Softmax', ['x'], ['y'], { axis: -1 }), { x: T([4, 64]) }, [4, 64]],
  MultiHeadAttention: [
    node('MultiHeadAttention', ['q', 'k', 'v'], ['y'], { num_heads: 2 }, 'com.microsoft'),
    { q: T([1, 8, 64]), k: T([1, 8, 64]), v: T([1, 8, 64]) },
    [1, 8, 64],
  ],
  CumSum: [node('CumSum', ['x', 'ax'], ['y']), { x: T([4, 64]) }, [4, 64], { ax: BigInt64Array.of(1n) }],
  TopK: [node('TopK', ['x', 'k'], ['y', 'yi']), { x: T([4, 64]) }, [4, 4], { k: BigInt64Array.of(4n) }],
}
for (const [name, c] of Object.entries(cases)) {
  const [n, ins, od, i64 = {}, extra = {}] = c,
    feeds = {}
  // int64 inputs are fed as graph inputs of int64; the mini-writer only declares float, so put them through a Cast
  const nodes = [],
    inputs = Object.entries(ins).map(([k, [d]]) => [k, d])
  let src = n
  for (const k in ins) feeds[k] = new ort.Tensor('float32', ins[k][1], ins[k][0])
  for (const k in i64) {
    nodes.push(node('Cast', [k + '_f'], [k], { to: 7 }))
    inputs.push([k + '_f', [i64[k].length]])
    feeds[k + '_f'] = new ort.Tensor('float32', Float32Array.from(i64[k], Number), [i64[k].length])
  }
  for (const k in extra) {
    inputs.push([k, extra[k]])
    feeds[k] = new ort.Tensor('float32', Float32Array.of(0.5), extra[k])
  }
  nodes.push(src)
  for (const strict of [true, false]) {
    try {
      const s = await ort.InferenceSession.create(
        model({ nodes, inputs, outputs: [od ? ['y', od] : ['y', [3, 3], 7]] }),
        {
          executionProviders: ['webgpu'],
          logSeverityLevel: 4,
          extra: strict ? { session: { disable_cpu_ep_fallback: '1' } } : {},
        },
      )
      await s.run(feeds)
      console.log(name.padEnd(20), strict ? 'runs on the WebGPU EP' : 'runs only with CPU fallback')
      await s.release()
      break
    } catch (e) {
      if (!strict || process.env.V) console.log(name.padEnd(20), 'ERR', String(e).slice(0, 160))
    }
  }
}
