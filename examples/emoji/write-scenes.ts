/**
 * `npm run scenes -- FOLDER --split train --count 2000 --seed 1`: scenes of a split as the files that LLaVA's tools read: pictures, a list of
 * conversations whose questions say their family, and a list of boxes. The same arguments give the same bytes; pictures that are there already
 * are kept, so that it can be stopped and started again.
 */
import { readdir } from 'node:fs/promises'
import { command, number, oneOf, option, optional, positional, run, string } from 'cmd-ts'
import { either as E, taskEither as TE } from 'fp-ts'
import sharp from 'sharp'
import { writeInFolder } from '../../lib/node/files.ts'
import { questionsOf, sceneOf, splits, type SplitName } from '../../models/scenes/index.ts'
import { readWorld } from './scenes.ts'

interface Wanted {
  readonly folder: string
  readonly split: SplitName
  readonly count: number
  readonly seed: number
  /** of each scene at most; all unless said */
  readonly questions?: number | undefined
}
const write = async (file: string, bytes: Uint8Array): Promise<void> => {
  const written = await writeInFolder(file, [TE.right(bytes)])()
  if (E.isLeft(written)) throw new Error(written.left.message)
}
/** A JSON list, an entry a line. */
const writeList = (file: string, list: readonly unknown[]): Promise<void> =>
  write(file, new TextEncoder().encode(`[\n${list.map(one => JSON.stringify(one)).join(',\n')}\n]\n`))

const writeScenes = async ({ folder, split, count, seed, questions: most }: Wanted): Promise<void> => {
  const world = await readWorld()
  const there = new Set(await readdir(`${folder}/images`).catch(() => []))
  const conversations: unknown[] = []
  const boxes: unknown[] = []
  for (let k = 0; k < count; k++) {
    const { paint, ...scene } = sceneOf(world, splits[split], seed, k)
    const id = `${split}-${seed}-${String(k).padStart(5, '0')}`
    const image = `images/${id}.png`
    if (!there.has(`${id}.png`)) {
      const { width, height, data } = paint()
      const png = sharp(data, { raw: { width, height, channels: 3 } }).png()
      await write(`${folder}/${image}`, await png.toBuffer())
    }
    const turns = questionsOf(scene, world.index, seed, k).slice(0, most)
    conversations.push({
      id,
      image,
      conversations: turns.flatMap(({ family, question, answer }, i) => [
        { from: 'human', value: i === 0 ? `<image>\n${question}` : question, family },
        { from: 'gpt', value: answer },
      ]),
    })
    boxes.push({
      id,
      boxes: scene.things.map(({ box }) => box),
      scores: scene.things.map(() => 1),
      labels: scene.things.map(({ label }) => label),
    })
    if ((k + 1) % 500 === 0) console.log(`${k + 1} of ${count} scenes`)
  }
  await writeList(`${folder}/boxes.json`, boxes)
  await writeList(`${folder}/conversations.json`, conversations)
}

const names = Object.keys(splits) as SplitName[]
await run(
  command({
    name: 'scenes',
    description: 'Write scenes of the emoji world: pictures, conversations.json, boxes.json',
    args: {
      folder: positional({ type: string, displayName: 'FOLDER', description: 'where they are written' }),
      split: option({ long: 'split', type: oneOf(names), description: names.join(', ') }),
      count: option({ long: 'count', type: number, description: 'how many scenes' }),
      seed: option({ long: 'seed', type: number, description: 'which scenes: those of another seed are others' }),
      questions: option({
        long: 'questions',
        type: optional(number),
        description: 'of each scene at most; all unless said',
      }),
    },
    handler: writeScenes,
  }),
  process.argv.slice(2),
)
