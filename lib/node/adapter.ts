/**
 * Finds a WebGPU adapter for Node, in this process, without asking anything of the user: Dawn's own choice (a real GPU, or
 * whatever driver VK_DRIVER_FILES names); else Mesa's lavapipe, where the Vulkan loader keeps its drivers; else the
 * SwiftShader of an installed browser; else an error with the one line to run. A driver that the user chose with
 * VK_DRIVER_FILES or VK_ICD_FILENAMES is never replaced. SLUICE_ADAPTER=lavapipe, swiftshader or null picks one.
 *
 * Dawn ends the process when the object returned by `create` is collected, so every one is kept.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { deviceError, type DeviceError } from '../errors.ts'
import { driverAdvice } from './driver-advice.ts'
import { loadSwiftShader, swiftShaderFolders } from './swiftshader.ts'

export interface FoundGpu {
  readonly gpu: GPU
  readonly adapter: GPUAdapter
  /** One line for each attempt, the successful one last. */
  readonly tried: readonly string[]
}

type Dawn = typeof import('webgpu')
/** One way to an adapter: Dawn's options, and the driver file it needs, if any. */
interface Attempt {
  readonly name: string
  readonly options: readonly string[]
  readonly driver?: () => string
}

const choices = ['lavapipe', 'swiftshader', 'null'] as const
type Choice = (typeof choices)[number]
const isChoice = (text: string): text is Choice => (choices as readonly string[]).includes(text)

const driverVariables = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'] as const
const chosenByUser = driverVariables.find(name => process.env[name] !== undefined)

const instances = new Map<string, GPU>()

const icdFolders = (): readonly string[] =>
  [
    ...(process.env.XDG_DATA_HOME === undefined ? [] : [process.env.XDG_DATA_HOME]),
    join(homedir(), '.local/share'),
    '/etc',
    '/usr/local/share',
    '/usr/share',
  ].map(folder => join(folder, 'vulkan/icd.d'))

const lavapipeDrivers = (): readonly string[] =>
  icdFolders()
    .filter(existsSync)
    .flatMap(folder => readdirSync(folder).map(file => join(folder, file)))
    .filter(file => /lvp_icd.*\.json$/.test(file))

const lavapipe = (): readonly Attempt[] =>
  lavapipeDrivers().map(file => ({ name: `lavapipe (${file})`, options: [], driver: () => file }))

const swiftShader = (): readonly Attempt[] =>
  swiftShaderFolders().map(folder => ({
    name: `SwiftShader (${folder})`,
    options: [],
    driver: () => loadSwiftShader(folder),
  }))

/**
 * What a web page may not have and a program may: subgroup matrices, and f16 on NVIDIA's Vulkan driver. The same switches as
 * in llama.cpp's WebGPU backend; Dawn ignores those that an adapter does not know.
 */
const switches = 'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia,use_vulkan_memory_model'
/** Times of single passes to the nanosecond, where a page gets them in steps of 65 µs. */
const fineTimes = 'disable-dawn-features=timestamp_quantization'
const dawnsChoice: Attempt = { name: 'the system', options: [switches] }
const warp: Attempt = { name: 'WARP', options: [switches, 'adapter=Microsoft'] }
const nullBackend: Attempt = { name: "Dawn's null backend", options: ['backend=null'] }

/** The attempts in order, as thunks: looking for a driver costs time that the first success saves. */
const plan = (choice: Choice | undefined): readonly (() => readonly Attempt[])[] => {
  if (choice === 'lavapipe') return [lavapipe]
  if (choice === 'swiftshader') return [swiftShader]
  if (choice === 'null') return [() => [nullBackend]]
  if (process.platform === 'win32') return [() => [dawnsChoice, warp]]
  if (process.platform !== 'linux' || chosenByUser !== undefined) return [() => [dawnsChoice]]
  return [() => [dawnsChoice], lavapipe, swiftShader]
}

const describe = ({ info }: GPUAdapter): string =>
  [info.vendor, info.architecture, info.description || info.device].filter(text => text !== '').join(' ')

const oneLine = (error: unknown): string => String(error instanceof Error ? error.message : error).replace(/\s+/g, ' ')

/** Runs one attempt: the adapter, or why there is none. The environment is put back when it fails. */
const attempt = async (dawn: Dawn, { name, options, driver }: Attempt): Promise<E.Either<string, FoundGpu>> => {
  const before = process.env.VK_DRIVER_FILES
  if (driver !== undefined) process.env.VK_DRIVER_FILES = driver()
  const restore = () => {
    if (driver === undefined) return
    if (before === undefined) delete process.env.VK_DRIVER_FILES
    else process.env.VK_DRIVER_FILES = before
  }
  try {
    const gpu = instances.get(name) ?? dawn.create([...options, fineTimes])
    instances.set(name, gpu)
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (adapter !== null) return E.right({ gpu, adapter, tried: [`${name}: ${describe(adapter)}`] })
    restore()
    return E.left(`${name}: no adapter`)
  } catch (error) {
    restore()
    return E.left(`${name}: ${oneLine(error)}`)
  }
}

const loadDawn = async (): Promise<E.Either<DeviceError, Dawn>> => {
  try {
    const dawn = await import('webgpu')
    // GPUBufferUsage and the other constants are globals in a browser; give Node the ones it lacks.
    for (const [name, value] of Object.entries(dawn.globals))
      if (!(name in globalThis)) Object.assign(globalThis, { [name]: value })
    return E.right(dawn)
  } catch (error) {
    return E.left(
      deviceError(
        'no adapter',
        `no adapter: the optional package webgpu does not load (${oneLine(error)}). Run: npm install webgpu@0.6.2`,
      ),
    )
  }
}

const noAdapter = (tried: readonly string[]): DeviceError => {
  const kept =
    chosenByUser === undefined
      ? []
      : [`${chosenByUser} is set, so no other driver was tried: unset it to let Sluice look`]
  const lines = [...tried, ...kept].map(line => `  ${line}`)
  return deviceError('no adapter', ['no WebGPU adapter found', ...lines, `Next step: ${driverAdvice()}`].join('\n'))
}

const search = async (choice: Choice | undefined): Promise<E.Either<DeviceError, FoundGpu>> => {
  const dawn = await loadDawn()
  if (E.isLeft(dawn)) return dawn
  const tried: string[] = []
  for (const candidates of plan(choice)) {
    for (const candidate of candidates()) {
      const result = await attempt(dawn.right, candidate)
      if (E.isRight(result)) return E.right({ ...result.right, tried: [...tried, ...result.right.tried] })
      tried.push(result.left)
    }
  }
  return E.left(noAdapter(tried.length > 0 ? tried : [`${choice ?? 'any driver'}: not found on this machine`]))
}

/**
 * A fresh adapter (an adapter gives one device only) of the first driver that has one.
 * Error `no adapter`: nothing was found, the package `webgpu` does not load, or SLUICE_ADAPTER names nothing known.
 */
export const findGpu: TE.TaskEither<DeviceError, FoundGpu> = async () => {
  const wanted = process.env.SLUICE_ADAPTER ?? ''
  if (wanted === '') return search(undefined)
  if (isChoice(wanted)) return search(wanted)
  const message = `SLUICE_ADAPTER is '${wanted}', expected one of ${choices.join(', ')}: correct it or unset it`
  return E.left(deviceError('no adapter', message))
}

/** Dawn's null backend: checks WGSL, pipelines and limits and runs nothing, on any machine, with no driver at all. */
export const nullGpu: TE.TaskEither<DeviceError, FoundGpu> = () => search('null')
