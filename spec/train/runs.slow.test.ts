/** Runs of training from end to end: that they learn, stop, go on, and are then the run that was never stopped. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { pipe, train, type LogLine, type TrainReport } from 'sluice'
import { data, folder, learner, left, optimizer, right } from './small-run.ts'

const linesOf = (at: string): readonly LogLine[] =>
  readFileSync(join(at, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as LogLine)

it('learns, keeps a log, and draws the loss', async () => {
  const at = folder()
  const reports: TrainReport[] = []
  const learned = await right(
    pipe(learner(), train({ optimizer, clip: 1, folder: at, every: 50, onStep: r => reports.push(r) })(data(300))),
  )
  const losses = linesOf(at).map(({ loss }) => loss)
  const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length
  expect(losses).toHaveLength(300)
  expect(mean(losses.slice(-20))).toBeLessThan(0.3 * mean(losses.slice(0, 20)))
  expect(reports.at(-1)).toMatchObject({ iteration: 299, iterations: 300, secondsLeft: 0, loss: losses.at(-1) })
  expect(readFileSync(join(at, 'loss.svg'), 'utf8')).toContain('300 batches')
  expect([...learned.weights.keys()]).toContain('second.weight')
  expect(readdirSync(at).sort()).toEqual(['checkpoint.safetensors', 'log.jsonl', 'loss.svg'])
})
it('goes on after an interruption to the very bits, whole updates at a time', async () => {
  const [whole, parts] = [folder(), folder()]
  const options = { optimizer, clip: 1, accumulate: 3, every: 7 }
  await right(pipe(learner(), train({ ...options, folder: whole })(data(40))))
  for (const stop of [5, 18, 33]) {
    const controller = new AbortController()
    const onStep = ({ iteration }: TrainReport): void => {
      if (iteration >= stop) controller.abort()
    }
    const run = train({ ...options, folder: parts, signal: controller.signal, onStep })(data(40))
    expect(await left(run(learner()))).toMatchObject({ kind: 'interrupted' })
  }
  await right(pipe(learner(), train({ ...options, folder: parts })(data(40))))
  const [a, b] = [whole, parts].map(at => readFileSync(join(at, 'checkpoint.safetensors')))
  expect(a!.equals(b!)).toBe(true)
  expect(linesOf(parts)).toEqual(linesOf(whole))
  expect(linesOf(whole).at(-1)!.iteration).toBe(39)
})
it('trains in f32 beside frozen weights in halves', async () => {
  const losses: number[][] = [[], []]
  for (const [k, storage] of (['f32', 'f16'] as const).entries()) {
    const options = { optimizer, trainable: ['last'], storage, seed: 2 }
    await right(pipe(learner(), train({ ...options, onStep: ({ loss }) => losses[k]!.push(loss) })(data(5))))
  }
  const [whole, halves] = losses as [number[], number[]]
  expect(halves).not.toEqual(whole)
  halves.forEach((loss, k) => expect(Math.abs(loss - whole[k]!)).toBeLessThan(2e-3 * whole[k]!))
})
