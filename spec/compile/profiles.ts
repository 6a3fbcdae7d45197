/** Three kinds of device as lowering sees them, and Dawn's null backend, which parses and checks WGSL without any of them. */
import { either as E } from 'fp-ts'
import type { DeviceProfile, Lowered } from '../../lib/compile/pass.ts'
import { nullGpu } from '../../lib/node/adapter.ts'

const common = {
  f16: true,
  timestamps: false,
  maxBinding: 2 ** 27,
  maxBuffer: 2 ** 32,
  maxWorkgroupsPerDimension: 65535,
  offsetAlignment: 256,
}
export const profiles: Readonly<Record<DeviceProfile['tuning'], DeviceProfile>> = {
  lavapipe: {
    ...common,
    tuning: 'lavapipe',
    subgroup: [8, 8],
    maxInvocations: 1024,
    maxStorageBuffers: 16,
    imageRows: 8192,
  },
  swiftshader: {
    ...common,
    tuning: 'swiftshader',
    f16: false,
    subgroup: [4, 4],
    maxInvocations: 256,
    maxStorageBuffers: 10,
    imageRows: 0,
  },
  gpu: { ...common, tuning: 'gpu', subgroup: [32, 32], maxInvocations: 256, maxStorageBuffers: 8, imageRows: 0 },
}

let device: Promise<GPUDevice> | undefined
const nullDevice = (): Promise<GPUDevice> =>
  (device ??= (async () => {
    const found = await nullGpu()
    if (E.isLeft(found)) throw new Error(found.left.message)
    return found.right.adapter.requestDevice({ requiredFeatures: ['subgroups'] })
  })())

/** The kernels of a program that WGSL's own checker refuses, with what it says. */
export const refused = async (lowered: Lowered): Promise<readonly string[]> => {
  const checker = await nullDevice()
  const texts = new Set([...lowered.prepare, ...lowered.passes].map(p => p.wgsl))
  const found: string[] = []
  for (const code of texts) {
    checker.pushErrorScope('validation')
    const info = await checker.createShaderModule({ code }).getCompilationInfo()
    await checker.popErrorScope()
    const errors = info.messages.filter(m => m.type === 'error')
    if (errors.length > 0) found.push(`${errors.map(m => `${m.lineNum}: ${m.message}`).join('\n')}\n${code}`)
  }
  return found
}
