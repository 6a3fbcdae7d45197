// node training-tfjs.mjs CASE_FOLDER: the step of training of ../training.ts in tfjs on WebGPU, one for each line on stdin, each answered with a
// line of JSON. ConvNeXt with channels last, as tfjs wants them; tfjs has Adam alone, so clipping by the norm and AdamW are written out.
import fs from 'node:fs'
import path from 'node:path'
import readline from 'node:readline'
import { init, tf } from './adapters/tfjs-webgpu.mjs'
import { read } from './lib/tensors.mjs'

const folder = process.argv[2]
const { depths, optimizer: rule } = JSON.parse(fs.readFileSync(path.join(folder, 'case.json'), 'utf8'))
await init()
const resident = () => 1024 * process.resourceUsage().maxRSS
const before = resident()
const feeds = read(path.join(folder, 'feeds.safetensors'))
// convolutions: [out, in, h, w] to [h, w, in, out], depthwise [c, 1, h, w] to [h, w, c, 1]; their gradients have the same norm
const layout = (name, x) =>
  x.rank < 4 ? x : name.includes('conv_dw') ? x.transpose([2, 3, 0, 1]) : x.transpose([2, 3, 1, 0])
const W = {}
for (const [name, { shape, data }] of Object.entries(read(path.join(folder, 'weights.safetensors'))))
  W[name] = tf.tidy(() => tf.variable(layout(name, tf.tensor(data, shape)), true, name))
const names = Object.keys(W)
const zeros = () => Object.fromEntries(names.map(name => [name, tf.tidy(() => tf.variable(tf.zerosLike(W[name])))]))
const [first, second] = [zeros(), zeros()]

const norm = (x, name, eps) => {
  const { mean, variance } = tf.moments(x, -1, true)
  return x
    .sub(mean)
    .mul(tf.rsqrt(variance.add(eps)))
    .mul(W[`${name}.weight`])
    .add(W[`${name}.bias`])
}
const linear = (x, name) => {
  const w = W[`${name}.weight`]
  const rows = tf.matMul(x.reshape([-1, w.shape[1]]), w, false, true).add(W[`${name}.bias`])
  return rows.reshape([...x.shape.slice(0, -1), w.shape[0]])
}
const gelu = x => x.mul(0.5).mul(tf.erf(x.mul(Math.SQRT1_2)).add(1))
const conv = (x, name, stride) => tf.conv2d(x, W[`${name}.weight`], stride, 'valid').add(W[`${name}.bias`])
const convnext = image => {
  const p = 'visual.trunk.'
  let x = norm(conv(image, `${p}stem.0`, 4), `${p}stem.1`, 1e-6)
  depths.forEach((depth, s) => {
    const q = `${p}stages.${s}.`
    if (s > 0) x = conv(norm(x, `${q}downsample.0`, 1e-6), `${q}downsample.1`, 2)
    for (let b = 0; b < depth; b++) {
      const r = `${q}blocks.${b}.`
      const y = tf.depthwiseConv2d(x, W[`${r}conv_dw.weight`], 1, 'same').add(W[`${r}conv_dw.bias`])
      const z = linear(gelu(linear(norm(y, `${r}norm`, 1e-6), `${r}mlp.fc1`)), `${r}mlp.fc2`)
      x = x.add(z.mul(W[`${r}gamma`]))
    }
  })
  return x
}
const step = async k => {
  const both = tf.tidy(() => {
    const { shape, data } = feeds.squares
    const image = tf.tensor(data, shape).transpose([0, 2, 3, 1])
    const labels = tf.tensor1d(feeds.labels.data, 'int32')
    const surprise = () => {
      const x = norm(convnext(image).mean([1, 2]), 'things.norm', 1e-5)
      const scores = linear(gelu(linear(x, 'things.fc1')), 'things.fc2')
      return tf.losses.softmaxCrossEntropy(tf.oneHot(labels, scores.shape[1]), scores)
    }
    const { value, grads } = tf.variableGrads(surprise, Object.values(W))
    // addN of so many needs more bindings than a stage has
    const total = tf.sqrt(tf.concat(names.map(name => grads[name].square().sum().reshape([1]))).sum())
    const clip = tf.minimum(tf.div(rule.clip, total.add(1e-6)), 1)
    const [a, b] = rule.betas
    for (const name of names) {
      const g = grads[name].mul(clip)
      first[name].assign(first[name].mul(a).add(g.mul(1 - a)))
      second[name].assign(second[name].mul(b).add(g.square().mul(1 - b)))
      const spread = tf
        .sqrt(second[name])
        .mul(1 / Math.sqrt(1 - b ** k))
        .add(rule.eps)
      const move = first[name].div(spread).mul(rule.rate / (1 - a ** k))
      W[name].assign(W[name].mul(1 - rule.rate * rule.weightDecay).sub(move))
    }
    return tf.stack([value, total])
  })
  const [loss, found] = await both.data()
  both.dispose()
  return { loss, norm: found }
}

const say = what => process.stdout.write(`${JSON.stringify(what)}\n`)
say({ version: `tfjs ${tf.version.tfjs} on WebGPU`, before })
let k = 0
for await (const _ of readline.createInterface({ input: process.stdin })) {
  const start = performance.now(),
    busy = process.cpuUsage()
  const found = await step(++k)
  const { user, system } = process.cpuUsage(busy)
  const seconds = (performance.now() - start) / 1000
  say({
    ...found,
    seconds,
    processor: (user + system) / 1e6,
    resident: resident(),
    held: tf.memory().numBytesAllocatedInGPU,
  })
}
process.exit(0)
