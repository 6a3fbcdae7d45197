/**
 * `sluice doctor`: what this machine offers to Sluice, on one page, for a person who wonders why something is slow or fails:
 * which adapters were tried, what the chosen one is, the limits and features that Sluice plans with, and what it reaches when
 * measured (ceilings.ts).
 */
import { either as E } from 'fp-ts'
import { deviceError, type Door, type SluiceError } from '../errors.ts'
import { findGpu } from './adapter.ts'
import { measureCeilings, type Ceilings, type Rate } from './ceilings.ts'

const limitNames = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxStorageTexturesPerShaderStage',
  'maxTextureDimension2D',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
] as const satisfies readonly (keyof GPUSupportedLimits)[]
type LimitName = (typeof limitNames)[number]

export interface DoctorReport {
  readonly tried: readonly string[]
  readonly adapter: {
    readonly vendor: string
    readonly architecture: string
    readonly device: string
    readonly description: string
    /** A driver in software: everything works, slowly. */
    readonly software: boolean
  }
  /** Bytes or counts, as WebGPU gives them. */
  readonly limits: Readonly<Record<LimitName, number>>
  readonly features: {
    readonly f16: boolean
    readonly subgroups: { readonly min: number; readonly max: number } | undefined
    readonly timestamps: boolean
    /** Shapes of subgroup matrices, such as `16x16x16 f16 -> f32`. */
    readonly subgroupMatrices: readonly string[]
  }
  readonly measured: Ceilings
}

/** Dawn's experimental part of GPUAdapterInfo, absent from @webgpu/types. */
interface SubgroupMatrixConfig {
  readonly M: number
  readonly N: number
  readonly K: number
  readonly componentType: string
  readonly resultComponentType: string
}
const matrixConfigs = (info: GPUAdapterInfo): readonly SubgroupMatrixConfig[] =>
  (info as { readonly subgroupMatrixConfigs?: readonly SubgroupMatrixConfig[] }).subgroupMatrixConfigs ?? []

const isSoftware = ({ isFallbackAdapter, architecture, device, description }: GPUAdapterInfo): boolean =>
  isFallbackAdapter ||
  /llvmpipe|lavapipe|swiftshader|software|basic render/i.test(`${architecture} ${device} ${description}`)

const subgroupSizes = ({ features, info }: GPUAdapter): DoctorReport['features']['subgroups'] => {
  const { subgroupMinSize: min, subgroupMaxSize: max } = info
  return features.has('subgroups') && min !== undefined && max !== undefined ? { min, max } : undefined
}

const examine = (adapter: GPUAdapter): Omit<DoctorReport, 'tried' | 'measured'> => {
  const { info, features, limits } = adapter
  const { vendor, architecture, device, description } = info
  const limitOf = (name: LimitName): readonly [LimitName, number] => [name, limits[name]]
  return {
    adapter: { vendor, architecture, device, description, software: isSoftware(info) },
    limits: Object.fromEntries(limitNames.map(limitOf)) as Record<LimitName, number>,
    features: {
      f16: features.has('shader-f16'),
      subgroups: subgroupSizes(adapter),
      timestamps: features.has('timestamp-query'),
      subgroupMatrices: matrixConfigs(info).map(
        ({ M, N, K, componentType, resultComponentType }) =>
          `${M}x${N}x${K} ${componentType} -> ${resultComponentType}`,
      ),
    },
  }
}

const wantedFeatures = ['subgroups', 'timestamp-query'] as const

/**
 * Looks at the adapter and measures it; some seconds, most of them for compiling kernels where the driver is software.
 * Errors: `no adapter`; `shader` where a kernel does not compile or computes wrongly, with what was found.
 */
export const doctor: Door<DoctorReport> = async () => {
  const found = await findGpu()
  if (E.isLeft(found)) return found
  const { adapter, tried } = found.right
  const facts = examine(adapter)
  const { subgroups } = facts.features
  try {
    const device = await adapter.requestDevice({
      requiredFeatures: wantedFeatures.filter(name => adapter.features.has(name)),
      requiredLimits: { maxStorageBufferBindingSize: facts.limits.maxStorageBufferBindingSize },
    })
    const lanes = subgroups !== undefined && subgroups.min === subgroups.max ? subgroups.min : 0
    const measured = await measureCeilings(device, { software: facts.adapter.software, lanes })
    device.destroy()
    return E.right({ tried, ...facts, measured })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const failure: SluiceError = deviceError('shader', `measuring ${facts.adapter.description} failed: ${reason}`)
    return E.left(failure)
  }
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const
const bytes = (size: number): string => {
  const power = Math.min(units.length - 1, Math.floor(Math.log2(size) / 10))
  return `${(size / 1024 ** power).toFixed(power === 0 ? 0 : 1).replace(/\.0$/, '')} ${units[power]}`
}
const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))
const rateLine = ({ kernel, milliseconds, rate }: Rate, unit: string): string =>
  `${figure(rate)} ${unit} (${kernel}: ${figure(milliseconds)} ms)`

/** The report as lines of text for a terminal. */
export const formatDoctor = ({ tried, adapter, limits, features, measured }: DoctorReport): string => {
  const { subgroups } = features
  const rows: readonly (readonly [string, string])[] = [
    ...tried.map((line, i) => [i === 0 ? 'tried' : '', line] as const),
    ['adapter', [adapter.vendor, adapter.architecture, adapter.device].filter(text => text !== '').join(' ')],
    ['', adapter.software ? 'a driver in software: everything works, slowly' : 'a GPU'],
    [
      'buffers',
      `up to ${bytes(limits.maxBufferSize)}, bound in slices up to ${bytes(limits.maxStorageBufferBindingSize)}`,
    ],
    [
      'bindings',
      `${limits.maxStorageBuffersPerShaderStage} storage buffers, ${limits.maxStorageTexturesPerShaderStage} storage images up to ${limits.maxTextureDimension2D} wide`,
    ],
    [
      'workgroups',
      `${limits.maxComputeInvocationsPerWorkgroup} invocations, ${bytes(limits.maxComputeWorkgroupStorageSize)} of memory, ${limits.maxComputeWorkgroupsPerDimension} in a dimension`,
    ],
    ['f16', features.f16 ? 'yes' : 'no: kernels compute in f32'],
    [
      'subgroups',
      subgroups === undefined
        ? 'no'
        : subgroups.min === subgroups.max
          ? `${subgroups.min}`
          : `${subgroups.min} to ${subgroups.max}`,
    ],
    [
      'matrices',
      features.subgroupMatrices.length === 0 ? 'no subgroup matrices' : features.subgroupMatrices.join(', '),
    ],
    ['timestamps', features.timestamps ? 'yes' : 'no: a profile has no times of single passes'],
    ['arithmetic', rateLine(measured.arithmetic, 'GFLOP/s')],
    ['matmul', rateLine(measured.matmul, 'GFLOP/s')],
    ['stream', rateLine(measured.stream, 'GB/s')],
    ['copy', rateLine(measured.copy, 'GB/s')],
    ['submit', `${figure(measured.submitMicroseconds)} µs for an empty one, waited for`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, text]) => `${name.padEnd(width)}${text}`).join('\n')
}
