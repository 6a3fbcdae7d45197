/** The doctor measures this machine, and both families of its kernels compute the product they are timed for. */
import { either as E } from 'fp-ts'
import { expect, it } from 'vitest'
import { findGpu } from '../lib/node/adapter.ts'
import { measureCeilings } from '../lib/node/ceilings.ts'
import { doctor, formatDoctor } from '../lib/node/doctor.ts'

it('reports adapter, limits, features and ceilings, within 20 seconds', { timeout: 20_000 }, async () => {
  const result = await doctor()
  if (E.isLeft(result)) throw new Error(result.left.message)
  const { measured, limits, tried } = result.right
  expect(tried.length).toBeGreaterThan(0)
  expect(limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(128 * 2 ** 20)
  for (const { milliseconds, rate } of [measured.arithmetic, measured.matmul, measured.stream, measured.copy]) {
    expect(milliseconds).toBeGreaterThan(0)
    expect(rate).toBeGreaterThan(0)
  }
  expect(measured.arithmetic.rate).toBeGreaterThan(measured.matmul.rate / 2)
  const page = formatDoctor(result.right)
  expect(page).toMatch(/^matmul .* GFLOP\/s \(\d+³, /m)
  expect(page).toMatch(/^stream .* GB\/s/m)
  expect(page).not.toMatch(/undefined|NaN/)
})

it('has a matrix product without subgroups that is exact on any adapter', async () => {
  const found = await findGpu()
  if (E.isLeft(found)) throw new Error(found.left.message)
  const device = await found.right.adapter.requestDevice()
  const { matmul } = await measureCeilings(device, { software: false, lanes: 0 })
  expect(matmul.kernel).toContain('tiles in workgroup memory')
  device.destroy()
})
