/** Conversations on disk become the samples that MG-LLaVA's own data set makes, and a trained model becomes a folder that answers. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { either as E, taskEither as TE } from 'fp-ts'
import { expect, it } from 'vitest'
import { pipe, train, type Door } from 'sluice'
import { ask, batchesOf, learning, load, openDataset, save } from 'sluice/models'
import { adamW } from 'sluice/ops'
import { nodeFolder } from '../../lib/node/files.ts'
import { decodePicture } from '../../lib/node/pictures.ts'
import { goldenRoots } from '../golden/where.ts'
import { goldenTensors } from '../golden/tensors.ts'

const right = async <A>(door: Door<A>): Promise<A> => {
  const done = await door()
  if (E.isLeft(done)) throw new Error(done.left.message)
  return done.right
}
const folder = goldenRoots('training/two-stage')
  .map(root => join(root, 'vicuna'))
  .find(existsSync)
const files = (at: string) => ({
  conversations: join(at, 'train.json'),
  images: join(at, 'images'),
  boxes: join(at, 'boxes.json'),
})

it.skipIf(folder === undefined)('makes the very ids, labels, pixels and boxes', async () => {
  const model = await right(load(join(folder!, 'model')))
  const data = await right(openDataset(files(folder!), { maxLength: 256 })(model))
  const tensors = goldenTensors(join(folder!, 'samples.safetensors'))
  expect(data.left).toEqual([])
  expect(data.lengths).toHaveLength(12)
  for (let i = 0; i < 12; i++) {
    const { ids, labels, shot } = await right(data.sample(i))
    expect(ids).toEqual(Array.from(tensors.get(`${i}.input_ids`)!.data))
    expect(labels).toEqual(Array.from(tensors.get(`${i}.labels`)!.data))
    expect(data.lengths[i]).toBe(shot === undefined ? -ids.length : ids.length)
    if (shot === undefined) {
      expect(tensors.has(`${i}.pixel_values`)).toBe(false)
      continue
    }
    // the published pictures were made in float64 and rounded once
    for (const [pixels, name] of [
      [shot.image.data, 'pixel_values'],
      [shot.detail!.data, 'pixel_values_aux'],
    ] as const) {
      const wanted = tensors.get(`${i}.${name}`)!.data
      expect(Math.max(...Array.from(pixels, (x, k) => Math.abs(x - wanted[k]!)))).toBeLessThan(1e-6)
    }
    expect(Array.from(shot.boxes!.data)).toEqual(Array.from(tensors.get(`${i}.boxes`)!.data))
  }
})
it.skipIf(folder === undefined)('trains, saves, and loads back as a model that answers', async () => {
  const at = mkdtempSync(join(tmpdir(), 'sluice-saved-'))
  const model = await right(load(join(folder!, 'model')))
  const data = await right(openDataset(files(folder!), { maxLength: 256 })(model))
  const { loss, feeds } = learning(model.parts)
  const rounds = batchesOf(data, feeds, { batch: 4, seed: 5 })
  expect(rounds.count).toBe(3)
  const options = { trainable: ['projector', 'llm'], optimizer: adamW({ lr: 1e-3 }), clip: 1 }
  const learned = await right(pipe({ ...model, loss }, train(options)(rounds), TE.tap(save(at, { dtype: 'F16' }))))
  const again = await right(load(at))
  expect(again.unused.filter(({ why }) => why === undefined)).toEqual([])
  expect([...again.weights.keys()].sort()).toEqual([...model.weights.keys()].sort())
  for (const name of ['projector.model.0.weight', 'llm.model.layers.0.mlp.up_proj.weight']) {
    const [was, is, back] = await Promise.all([model, learned, again].map(m => right(m.weights.get(name)!.read)))
    expect(is).not.toEqual(was)
    expect(Math.max(...Array.from(back!, (x, i) => Math.abs(x - is![i]!)))).toBeLessThan(1e-3)
  }
  const frozen = 'visual.trunk.stem.0.weight'
  expect(await right(again.weights.get(frozen)!.read)).toEqual(await right(model.weights.get(frozen)!.read))
  const host = { files: nodeFolder(join(folder!, 'images')), decode: decodePicture }
  const boxes = JSON.parse(readFileSync(files(folder!).boxes, 'utf8')) as readonly unknown[]
  expect(boxes.length).toBeGreaterThan(0)
  const answer = await right(ask({ prompt: 'Name a colour.' }, host, { maxNewTokens: 3 })(again))
  expect(answer.generated.length).toBeGreaterThan(0)
})
