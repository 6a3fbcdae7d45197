import { open, make } from '../lib/ggml.mjs'
let d
export const info = { device: 'Vulkan', pkg: '@node-llama-cpp/linux-x64-vulkan', gelu: 'erf' }
export const init = async () => {
  d = open('Vulkan')
  info.device = d.desc
}
export const workloads = make(() => d)
