// Do the peers' tilers survive a prime token count? GFLOP/s of [T,1024]x[1024,4096] for T = 576, 577, 640 (jax-js and tfjs on Dawn).
import './lib/polyfill-iter.mjs'
import './lib/gpu.mjs'
import * as j from '@jax-js/jax'
import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-webgpu'
await j.init('webgpu')
j.defaultDevice('webgpu')
await tf.setBackend('webgpu')
await tf.ready()
const { numpy: np, jit, blockUntilReady } = j,
  f = jit((a, b) => np.matmul(a, b)),
  C = 1024,
  F = 4096,
  out = {}
const med = a => a.sort((x, y) => x - y)[a.length >> 1]
const runs = {}
for (const T of [576, 577, 640]) {
  const A = new Float32Array(T * C).fill(0.5),
    B = new Float32Array(C * F).fill(0.25),
    a = np.array(A, { shape: [T, C], dtype: np.float32 }),
    b = np.array(B, { shape: [C, F], dtype: np.float32 }),
    ta = tf.tensor(A, [T, C]),
    tb = tf.tensor(B, [C, F])
  runs['jax ' + T] = async () => {
    const y = f(a.ref, b.ref)
    await blockUntilReady([y])
    y.dispose()
  }
  runs['tfjs ' + T] = async () => {
    const y = tf.matMul(ta, tb),
      k = tf.backend()
    k.endComputePassEncoder()
    k.submitQueue()
    await k.queue.onSubmittedWorkDone()
    y.dispose()
  }
}
for (const k in runs) {
  await runs[k]()
  out[k] = []
}
for (let r = 0; r < 5; r++)
  for (const k in runs) {
    const t = performance.now()
    await runs[k]()
    out[k].push(performance.now() - t)
  }
for (const k in out) {
  const T = +k.split(' ')[1],
    m = med(out[k])
  console.log(k.padEnd(10), m.toFixed(0).padStart(6), 'ms', ((2 * T * C * F) / m / 1e6).toFixed(2), 'GFLOP/s')
}
process.exit(0)
