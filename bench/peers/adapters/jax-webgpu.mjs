import '../lib/polyfill-iter.mjs'
import '../lib/gpu.mjs'
import * as j from '@jax-js/jax'
import { make } from './jax-common.mjs'
export const info = { device: 'WebGPU (Dawn)', pkg: '@jax-js/jax', gelu: 'erf' }
export const init = async () => {
  const d = await j.init('webgpu')
  if (!d.includes('webgpu')) throw new Error('no webgpu: ' + d)
  j.defaultDevice('webgpu')
}
export const workloads = make(j)
