import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-wasm'
import { make } from './tfjs-common.mjs'
export const info = { device: 'wasm (XNNPACK)', pkg: '@tensorflow/tfjs-backend-wasm', gelu: 'erf' }
export const init = async () => {
  if (!(await tf.setBackend('wasm'))) throw new Error('setBackend failed')
  await tf.ready()
}
export const workloads = make(tf, async l => {
  for (const t of l) t.dataSync()
})
