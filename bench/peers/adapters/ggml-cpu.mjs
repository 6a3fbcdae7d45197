import { open, make } from '../lib/ggml.mjs'
let d
export const info = { device: 'CPU (2 threads)', pkg: '@node-llama-cpp/linux-x64-vulkan', gelu: 'erf' }
export const init = async () => {
  d = open('CPU')
}
export const workloads = make(() => d)
