/** The adapter finder: what it finds works, every choice is honoured, and a failure says what to do. */
import { platform } from '#platform'
import { either as E } from 'fp-ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { findGpu, nullGpu } from '../lib/node/adapter.ts'
import { driverCommands } from '../lib/node/driver-advice.ts'

const right = <L, A>(result: E.Either<L, A>): A => {
  if (E.isLeft(result)) throw new Error(JSON.stringify(result.left))
  return result.right
}

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('findGpu', () => {
  it('gives an adapter whose device copies a buffer', async () => {
    const { adapter, tried } = right(await findGpu())
    const device = await adapter.requestDevice()
    const sent = Uint32Array.of(1, 2, 3, 4)
    const source = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST })
    const target = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ })
    device.queue.writeBuffer(source, 0, sent)
    const encoder = device.createCommandEncoder()
    encoder.copyBufferToBuffer(source, 0, target, 0, 16)
    device.queue.submit([encoder.finish()])
    await target.mapAsync(GPUMapMode.READ)
    expect(new Uint32Array(target.getMappedRange())).toEqual(sent)
    expect(tried.length).toBeGreaterThan(0)
    device.destroy()
  })

  it('gives a fresh adapter at each call, so each can have a device', async () => {
    const devices = [
      await right(await findGpu()).adapter.requestDevice(),
      await right(await findGpu()).adapter.requestDevice(),
    ]
    expect(new Set(devices).size).toBe(2)
    for (const device of devices) device.destroy()
  })

  it('is what #platform offers', async () => {
    expect(platform.name).toBe('node')
    expect(right(await platform.findAdapter()).tried).toEqual(right(await findGpu()).tried)
  })

  it('refuses an unknown SLUICE_ADAPTER and names the known ones', async () => {
    vi.stubEnv('SLUICE_ADAPTER', 'cuda')
    const result = await findGpu()
    expect(result).toMatchObject(E.left({ kind: 'no adapter' }))
    expect(E.isLeft(result) && result.left.message).toContain("'cuda', expected one of lavapipe, swiftshader, null")
  })

  it('takes the null backend when SLUICE_ADAPTER asks for it', async () => {
    vi.stubEnv('SLUICE_ADAPTER', 'null')
    expect(right(await findGpu()).tried).toEqual(["Dawn's null backend: null-backend"])
  })
})

describe('nullGpu', () => {
  it('compiles good WGSL and reports the line of a mistake, with no driver', async () => {
    const device = await right(await nullGpu()).adapter.requestDevice()
    const messages = async (code: string) => {
      device.pushErrorScope('validation')
      const info = await device.createShaderModule({ code }).getCompilationInfo()
      await device.popErrorScope()
      return info.messages.map(({ type, lineNum, message }) => ({ type, lineNum, message }))
    }
    expect(await messages('@compute @workgroup_size(8)\nfn main() { var x = 1f; x += 1f; }')).toEqual([])
    expect(await messages('@compute @workgroup_size(8)\nfn main() { let x = nope; }')).toMatchObject([
      { type: 'error', lineNum: 2, message: expect.stringContaining("unresolved value 'nope'") },
    ])
    device.destroy()
  })
})

describe('driverCommands', () => {
  const debian12 = 'ID=debian\nVERSION_CODENAME=bookworm\n'

  it('takes the backport on Debian 12, whose own Mesa is too old', () => {
    expect(driverCommands(debian12).at(-1)).toContain('-t bookworm-backports mesa-vulkan-drivers libvulkan1')
  })

  it.each([
    ['Debian 13', 'ID=debian\nVERSION_CODENAME=trixie\n', 'apt-get install'],
    ['Ubuntu 24.04', 'ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n', 'apt-get install'],
    ['Linux Mint', 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'apt-get install'],
    ['Rocky', 'ID="rocky"\nID_LIKE="rhel centos fedora"\n', 'dnf install'],
    ['Arch', 'ID=arch\n', 'pacman -S'],
    ['openSUSE', 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', 'zypper install'],
  ])('knows %s', (_, osRelease, expected) => {
    expect(driverCommands(osRelease).at(-1)).toContain(expected)
    expect(driverCommands(osRelease).join()).not.toContain('backports')
  })

  it('says nothing about a system it does not know', () => {
    expect(driverCommands('ID=plan9\n')).toEqual([])
  })
})
