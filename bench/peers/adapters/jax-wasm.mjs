import '../lib/polyfill-iter.mjs'
import * as j from '@jax-js/jax'
import { make } from './jax-common.mjs'
export const info = { device: 'wasm (its own codegen)', pkg: '@jax-js/jax', gelu: 'erf' }
export const init = async () => {
  await j.init('wasm')
  j.defaultDevice('wasm')
}
export const workloads = make(j)
