/** What runs of training refuse, what they tell, and what they leave. That they learn and go on: runs.slow.test.ts. */
import { existsSync, readFileSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { either as E, taskEither as TE } from 'fp-ts'
import { expect, it } from 'vitest'
import { batches, input, pipe, scope, train, value } from 'sluice'
import { adamW, log, linear, mseLoss, sgd } from 'sluice/ops'
import { data, folder, learner, left, optimizer, right } from './small-run.ts'

it('has a run that is over give what it gave', async () => {
  const at = folder()
  const run = train({ optimizer, folder: at })(data(10))
  const [first, again] = [await right(run(learner())), await right(run(learner()))]
  const numbers = async (model: typeof first): Promise<unknown> => right(model.weights.get('first.weight')!.read)
  expect(await numbers(again)).toEqual(await numbers(first))
})
it('refuses the checkpoint of another run, and says what differs', async () => {
  const at = folder()
  await right(pipe(learner(), train({ optimizer, folder: at })(data(4))))
  const other = await left(pipe(learner(), train({ optimizer, folder: at })(data(5))))
  expect(other).toMatchObject({ kind: 'field', message: expect.stringContaining('iterations 4, this one has 5') })
  const less = await left(pipe(learner(), train({ optimizer, folder: at, trainable: ['last'] })(data(4))))
  expect(less).toMatchObject({ kind: 'missing tensor', message: expect.stringContaining('trains something else') })
})
it('starts again where a checkpoint is cut short: an error, not a wrong run', async () => {
  const at = folder()
  await right(pipe(learner(), train({ optimizer, folder: at })(data(4))))
  const file = join(at, 'checkpoint.safetensors')
  writeFileSync(file, readFileSync(file).subarray(0, 500))
  expect(await left(pipe(learner(), train({ optimizer, folder: at })(data(4))))).toMatchObject({ kind: 'format' })
})
it('says where it cannot write, and leaves the last checkpoint', async () => {
  const at = folder()
  writeFileSync(join(at, 'taken'), '')
  const error = await left(pipe(learner(), train({ optimizer, folder: join(at, 'taken', 'run') })(data(3))))
  expect(error).toMatchObject({ kind: 'write' })
})
it.skipIf(!existsSync('/dev/full'))('says that the disk is full, and goes on from the last checkpoint', async () => {
  const [whole, at] = [folder(), folder()]
  const [log, aside] = ['log.jsonl', 'aside'].map(name => join(at, name)) as [string, string]
  const checkpoint = (run: string) => readFileSync(join(run, 'checkpoint.safetensors'))
  await right(pipe(learner(), train({ optimizer, folder: whole, every: 4 })(data(12))))
  // the log of the first four batches is there; every write to /dev/full is refused by the system as one to a full disk is
  const fill = ({ iteration }: { readonly iteration: number }): void => {
    if (iteration !== 7) return
    renameSync(log, aside)
    symlinkSync('/dev/full', log)
  }
  const error = await left(pipe(learner(), train({ optimizer, folder: at, every: 4, onStep: fill })(data(12))))
  expect(error).toMatchObject({
    kind: 'write',
    file: log,
    message: expect.stringMatching(/disk is full\. Next step: /),
  })
  expect(readdirSync(at).sort()).toEqual(['aside', 'checkpoint.safetensors', 'log.jsonl', 'loss.svg'])
  renameSync(aside, log)
  const begun: number[] = []
  const onStep = ({ iteration }: { readonly iteration: number }): void => void begun.push(iteration)
  await right(pipe(learner(), train({ optimizer, folder: at, every: 4, onStep })(data(12))))
  expect(begun[0]).toBe(4)
  expect(checkpoint(at).equals(checkpoint(whole))).toBe(true)
  expect(readFileSync(log)).toEqual(readFileSync(join(whole, 'log.jsonl')))
})
it('trains what is chosen and nothing else', async () => {
  const before = await right(pipe(learner(), train({ optimizer: sgd({ lr: 0 }) })(data(1))))
  const after = await right(pipe(learner(), train({ optimizer, trainable: ['last'] })(data(3))))
  expect([...after.weights.keys()].sort()).toEqual(['last.bias', 'last.weight'])
  const [old, now] = await Promise.all([before, after].map(m => right(m.weights.get('last.weight')!.read)))
  expect(now).not.toEqual(old)
  const unknown = await left(pipe(learner(), train({ optimizer, trainable: ['first', 'middle'] })(data(3))))
  expect(unknown.message).toBe(`no parameter is in 'middle'; the model has 'first', 'second', 'last'`)
})
it('stops at a loss that is no number, names the first block, and changes nothing', async () => {
  const risky = scope('risky', (y: ReturnType<typeof first>) => log(y))
  const x = input('x', ['rows', 4])
  const first = (y: typeof x) => linear('first', 1)(y)
  const loss = mseLoss()(risky(scope('safe', first)(x)), input('y', ['rows', 1]))
  const feeds = (sign: number) => ({ x: value([1, 4], [sign, sign, sign, sign]), y: value([1, 1], [1]) })
  const weights = new Map()
  const run = train({ optimizer: sgd({ lr: 1e-3 }), seed: 3 })
  const outcomes = await Promise.all([1, -1].map(sign => run(batches(2, () => feeds(sign)))({ loss, weights })()))
  const bad = outcomes.filter(E.isLeft)
  expect(bad).toHaveLength(1)
  expect(bad[0]!.left).toMatchObject({ kind: 'training' })
  expect(bad[0]!.left.message).toContain(`'risky' is the first block whose result is not finite`)
})
it('tells of data that fail or end too soon', async () => {
  const short = { count: 3, async *from() {} }
  expect((await left(pipe(learner(), train({ optimizer })(short)))).message).toBe('the data end before batch 0')
  const broken = batches(3, () => Promise.reject(new Error('no such picture')))
  const error = await left(pipe(learner(), train({ optimizer })(broken)))
  expect(error.message).toBe('batch 0 could not be made: no such picture')
})
it('puts stages one after another', async () => {
  const stage = (trainable: readonly string[]) => train({ optimizer: adamW({ lr: 0.01 }), trainable })(data(5))
  const both = await right(pipe(learner(), stage(['last']), TE.flatMap(stage(['first', 'second']))))
  expect(both.weights.size).toBe(6)
})
