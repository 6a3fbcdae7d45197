/** The small baselines on the device: scores of every token against the references in float64. */
import { expect, it } from 'vitest'
import { evaluate, run } from '../../lib/index.ts'
import { limits } from '../tolerances.ts'
import { smallBaselines } from './small-baselines.ts'
import { right } from './values.ts'

it.each(Object.entries(smallBaselines))('%s runs', async (_, made) => {
  const { model, feeds, weights } = made()
  const wanted = right(evaluate(model, feeds, { weights }))
  const got = right(await run(model, feeds, { weights })())
  const { atol, rtol } = limits('block', wanted)
  expect(got.shape).toEqual(wanted.shape)
  const beyond = Array.from(wanted.data).findIndex((w, i) => !(Math.abs(got.data[i]! - w) <= atol + rtol * Math.abs(w)))
  expect(beyond < 0 ? 'within' : `[${beyond}] is ${got.data[beyond]}, not ${wanted.data[beyond]}`).toBe('within')
})
