/**
 * A program that runs with other sizes every time, as training does: bind groups of sizes that are gone are given back. On a driver in
 * software each maps memory, and a process that has no mapping left ends without a word.
 */
import { readFileSync } from 'node:fs'
import { platform as system } from 'node:os'
import { either as E } from 'fp-ts'
import { expect, it } from 'vitest'
import { compile, input, value, type Loose } from '../../lib/index.ts'
import { cumsum } from '../../ops/index.ts'

const passes = 40
const runs = 1200
const mappings = (): number => readFileSync('/proc/self/maps', 'utf8').split('\n').length

it.skipIf(system() !== 'linux')('runs with more sizes than a process may have mappings', async () => {
  let x = input('x', ['rows', 4]) as Loose
  for (let i = 0; i < passes; i++) x = cumsum(1)(x) as Loose
  const program = await compile({ x })()
  if (E.isLeft(program)) throw new Error(program.left.message)
  let most = 0
  for (let k = 1; k <= runs; k++) {
    const ran = await program.right.run({ x: value([k, 4], new Float32Array(4 * k)) })()
    if (E.isLeft(ran)) throw new Error(ran.left.message)
    if (k % 50 === 0) most = Math.max(most, mappings())
  }
  expect(program.right.lowered.passes.length * runs).toBeGreaterThan(40_000)
  // 8,192 dropped groups wait for a collection; without one there are 16,000 by now
  expect(most).toBeLessThan(12_000)
  program.right.dispose()
})
