import '../lib/gpu.mjs'
import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-webgpu'
import { make } from './tfjs-common.mjs'
export { tf }
export const info = { device: 'WebGPU (Dawn)', pkg: '@tensorflow/tfjs-backend-webgpu', gelu: 'erf' }
export const init = async () => {
  if (!(await tf.setBackend('webgpu'))) throw new Error('setBackend failed')
  await tf.ready()
}
// The backend batches dispatches; close its pass and submit before waiting.
export const workloads = make(tf, async () => {
  const b = tf.backend()
  b.endComputePassEncoder()
  b.submitQueue()
  await b.queue.onSubmittedWorkDone()
})
