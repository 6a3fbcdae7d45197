/**
 * What must be true in a browser, asked through the package's own doors: the kit, a block that fuses and grows, pictures, and a whole
 * MG-LLaVA from its folder to its answers. A check gives what is wrong, in sentences; nothing where all is well. The checks know no
 * place: page.ts runs them in a browser, run.ts --node in Node.
 */
import { either as E } from 'fp-ts'
import {
  blobSource,
  checkOp,
  compile,
  evaluate,
  input,
  pipe,
  readSafetensors,
  run,
  seededDraw,
  type Device,
  type Door,
  type Feeds,
  type Folder,
  type Op,
  type TensorFile,
  type Value,
} from 'sluice'
import { load, onDevice, openSession, type Host, type Question } from 'sluice/models'
import { add, gelu, layerNorm, linear, ops, softmax, topKIndices } from 'sluice/ops'
import type { KnownPicture } from './supplies.ts'

export interface Place {
  readonly device: Device
  /** a folder for each golden model, with its questions and what it answered */
  readonly models: Folder
  /** decodes pictures, and has those that are known */
  readonly host: Host
  readonly known: readonly KnownPicture[]
  readonly seed: number
}
export interface PlaceCheck {
  readonly name: string
  readonly wrong: (place: Place) => Promise<readonly string[]>
}

const right = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
const unequal = (what: string, got: unknown, wanted: unknown): readonly string[] => {
  const [found, expected] = [JSON.stringify(got), JSON.stringify(wanted)]
  return found === expected ? [] : [`${what} is ${found}, should be ${expected}`]
}
const bytesIn = async (folder: Folder, name: string): Promise<Uint8Array> => {
  const source = await right(folder.open(name))
  return right(source.read(0, source.size))
}
const jsonIn = async (folder: Folder, name: string): Promise<unknown> =>
  JSON.parse(new TextDecoder().decode(await bytesIn(folder, name)))

// ---- the kit -----------------------------------------------------------------------------------------------------------
const withoutDevice: PlaceCheck['wrong'] = async ({ seed }) => {
  const wrong: string[] = []
  for (const op of ops) {
    const { checked } = await checkOp(op, { draw: seededDraw(seed), instances: 1 })
    wrong.push(...checked.flatMap(check => check.wrong))
  }
  return wrong
}
const kernelsOf =
  (op: Op): PlaceCheck['wrong'] =>
  async ({ device, seed }) => {
    const { checked } = await checkOp(op, {
      draw: seededDraw(seed),
      instances: 2,
      only: ['device'],
      run: (outputs, feeds) => run(outputs, feeds, { device }),
    })
    return checked.flatMap(check => check.wrong)
  }

// ---- a block -----------------------------------------------------------------------------------------------------------
/** All four forms, fused, over a number of rows that has a name. */
const block = () => {
  const x = input('x', ['rows', 48])
  const hidden = pipe(x, layerNorm('norm'), linear('up', 96), gelu, linear('down', 48))
  const y = add(x, hidden)
  return { y, shares: softmax(y), best: topKIndices(3)(y) }
}
const wave = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(i * i))
/** The largest difference, in shares of the largest number. */
const apart = (got: Value, wanted: Value): number => {
  const most = Math.max(...wanted.data.map(Math.abs))
  return Math.max(...wanted.data.map((w, i) => Math.abs(w - got.data[i]!))) / most
}
const grows: PlaceCheck['wrong'] = async ({ device }) => {
  const outputs = block()
  const program = await right(compile(outputs, { device }))
  const { pipelines } = device.counters()
  const wrong: string[] = []
  for (const rows of [1, 5, 200]) {
    const feeds: Feeds = { x: wave(rows * 48) }
    const got = await right(program.run(feeds))
    const wanted = evaluate(outputs, feeds)
    if (E.isLeft(wanted)) throw new Error(wanted.left.message)
    const { y, shares, best } = wanted.right
    for (const [name, value] of Object.entries({ y, shares })) {
      const share = apart(got[name]!, value)
      if (!(share <= 1e-5)) wrong.push(`${name} of ${rows} rows is off by ${share} of its largest number`)
    }
    wrong.push(...unequal(`best of ${rows} rows`, [...got['best']!.data], [...best.data]))
  }
  program.dispose()
  return [...wrong, ...unequal('the number of pipelines after other sizes', device.counters().pipelines, pipelines)]
}

// ---- pictures ----------------------------------------------------------------------------------------------------------
const hex = (bytes: ArrayBuffer): string =>
  [...new Uint8Array(bytes)].map(byte => byte.toString(16).padStart(2, '0')).join('')
const decodes: PlaceCheck['wrong'] = async ({ host, known }) => {
  const wrong: string[] = []
  for (const { name, ...wanted } of known) {
    const { width, height, data } = await right(host.decode(await bytesIn(host.files, name), name))
    const sha256 = hex(await crypto.subtle.digest('SHA-256', new Uint8Array(data)))
    wrong.push(...unequal(name, { width, height, sha256 }, wanted))
  }
  return wrong
}
const refuses: PlaceCheck['wrong'] = async ({ host }) => {
  const result = await host.decode(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 1, 2, 3]), 'broken.png')()
  if (E.isRight(result)) return ['a picture of seven bytes is read']
  const { kind, message } = result.left
  return [...unequal('the kind of error', kind, 'picture'), ...(message.includes('broken.png') ? [] : [message])]
}

// ---- a model -----------------------------------------------------------------------------------------------------------
interface Expected {
  readonly questions: readonly { readonly prompt: string; readonly ended_by: string; readonly text: string }[]
}
const answers =
  (name: string): PlaceCheck['wrong'] =>
  async ({ device, models, host: { decode } }) => {
    const folder = models.within(name)
    const session = openSession(await right(load(folder)), { files: folder, decode }, onDevice({ device }))
    const questions = (await jsonIn(folder, 'questions.json')) as readonly Question[]
    const expected = (await jsonIn(folder, 'expected.json')) as Expected
    const wrong: string[] = []
    for (const [i, question] of questions.entries()) {
      const got = await right(session.ask(question))
      const { prompt, ended_by: endedBy, text } = expected.questions[i]!
      const found = { prompt: got.prompt, endedBy: got.endedBy, text: got.text }
      wrong.push(...unequal(`answer ${i}`, found, { prompt, endedBy, text }))
    }
    session.dispose()
    return wrong
  }

/** A file that a user drops on a page is a Blob. */
const readsBlobs: PlaceCheck['wrong'] = async ({ models }) => {
  const name = 'conv-gate-vicuna/expected.safetensors'
  const bytes = await bytesIn(models, name)
  const file = await right(readSafetensors(blobSource(name, new Blob([new Uint8Array(bytes)]))))
  const same = await right(readSafetensors(await right(models.open(name))))
  const numbers = async ({ tensors }: TensorFile): Promise<readonly number[]> =>
    Array.from(await right(tensors.get('0/picture')!.read))
  return unequal('a tensor in a Blob', await numbers(file), await numbers(same))
}

export const checksFor = (models: readonly string[], known: readonly KnownPicture[]): readonly PlaceCheck[] => [
  { name: `${known.length} pictures have the pixels that Node decodes`, wrong: decodes },
  { name: 'what is no picture is refused', wrong: refuses },
  { name: 'a weight file is read from a Blob', wrong: readsBlobs },
  { name: 'a block of all forms agrees with its references at three sizes and compiles once', wrong: grows },
  ...models.map(name => ({ name: `MG-LLaVA ${name} gives its golden answers`, wrong: answers(name) })),
  { name: `${ops.length} ops keep what the kit asks of them without a device`, wrong: withoutDevice },
  ...ops.map(op => ({ name: `WGSL of ${op.name} agrees with its reference`, wrong: kernelsOf(op) })),
]
