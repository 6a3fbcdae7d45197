/** Commands that run a checkpoint: `ask` answers a question, `profile` says where the time of an answer goes. */
import { command, number, oneOf, option, optional, positional, string } from 'cmd-ts'
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import {
  compile,
  formatProfile,
  interrupted,
  updates,
  type CompileOptions,
  type Door,
  type Profile,
  type Program,
  type Value,
} from '../lib/index.ts'
import { doctor } from '../lib/node/doctor.ts'
import { writeAtomically } from '../lib/node/files.ts'
import { writeSafetensors } from '../lib/weights/safetensors.ts'
import { floatTensor, wholeTensor, type TensorEntry } from '../lib/weights/tensor-file.ts'
import {
  ask as answerTo,
  load,
  onDevice,
  type Answer,
  type Engine,
  type Question,
  type Sampling,
} from '../models/index.ts'
import { folder, given } from './model.ts'
import { note, print, progress, signal } from './terminal.ts'

const image = positional({ type: string, displayName: 'IMAGE', description: 'a PNG, JPEG or WebP file' })
const prompt = positional({ type: string, displayName: 'PROMPT', description: 'the question' })
const boxes = option({
  long: 'boxes',
  type: optional(string),
  description: 'a box file; needed where the model reads boxes',
})

/** Compiling with a bar for weights and one for kernels. */
const shown = (): { readonly options: CompileOptions; readonly stop: () => void } => {
  const [weights, kernels] = [progress('weights'), progress('kernels')]
  return {
    options: {
      signal,
      onWeight: (done, of, name) => {
        kernels.stop()
        weights.at(done, of, name)
      },
      onProgress: (done, of, kernel) => {
        weights.stop()
        kernels.at(done, of, kernel)
      },
    },
    stop: () => {
      weights.stop()
      kernels.stop()
    },
  }
}

/** Prints an answer as it grows: only what will stay, which a character of several tokens does not before it is whole. */
const stream = (): { readonly grow: (text: string) => void; readonly end: (text: string) => void } => {
  let printed = ''
  const grow = (text: string): void => {
    const whole = text.replace(/\ufffd+$/, '')
    if (!whole.startsWith(printed)) return
    process.stdout.write(whole.slice(printed.length))
    printed = whole
  }
  const end = (text: string): void => print(text.startsWith(printed) ? text.slice(printed.length) : `\n${text}`)
  return { grow, end }
}

const tensorOf = ([name, { kind, shape, data }]: readonly [string, Value]): TensorEntry =>
  kind === 'float' ? floatTensor(name, shape, Float32Array.from(data)) : wholeTensor(name, shape, Int32Array.from(data))
const dumped = (file: string | undefined, { stages }: Answer): Door<boolean> =>
  file === undefined
    ? TE.right(true)
    : F.pipe(
        writeAtomically(file, writeSafetensors(Object.entries(stages).map(tensorOf))),
        TE.map(() => {
          note(`${Object.keys(stages).length} values written to ${file}`)
          return true
        }),
      )

const drawing = (long: string, description: string) => option({ long, type: optional(number), description })
/** How words are drawn, where anything was said of it; the likeliest otherwise. */
const samplingOf = (given: Record<keyof Sampling, number | undefined>): { readonly sampling?: Sampling } => {
  const said = Object.entries(given).filter(([, setting]) => setting !== undefined)
  return said.length === 0 ? {} : { sampling: Object.fromEntries(said) }
}

export const ask = command({
  name: 'ask',
  description: 'Answer a question about a picture, word by word',
  args: {
    folder,
    image,
    prompt,
    boxes,
    most: option({
      long: 'max-new-tokens',
      type: optional(number),
      description: "longest answer, in tokens; the folder's own unless given",
    }),
    temperature: drawing(
      'temperature',
      'draw words instead of taking the likeliest; below 1 likely ones become likelier',
    ),
    topK: drawing('top-k', 'draw from so many of the likeliest words, 64 at most'),
    topP: drawing('top-p', 'draw from the fewest words that have this share of the probability'),
    repetitionPenalty: drawing('repetition-penalty', 'above 1, words that were used become less likely'),
    seed: drawing('seed', 'the same seed draws the same words; 0 unless given'),
    weights: option({
      long: 'weights',
      type: optional(oneOf(['f32', 'f16', 'q8', 'q4'] as const)),
      description: "how the language model's weights are stored on the device; f32 unless given",
    }),
    dump: option({
      long: 'dump',
      type: optional(string),
      description: 'a safetensors file for every value between picture and answer',
    }),
  },
  examples: [
    {
      description: 'A question about a photograph, and the boxes of what is on it',
      command:
        'sluice ask checkpoints/mg-llava-vicuna-7b street.jpg "What is left of the bus?" --boxes street.boxes.json',
    },
    {
      description: 'A short answer, and everything that led to it',
      command:
        'sluice ask DIR street.jpg "How many cars?" --boxes street.boxes.json --max-new-tokens 5 --dump out.safetensors',
    },
  ],
  handler: ({ folder, image, prompt, boxes, most, weights, dump, ...drawn }) => {
    const question: Question = { image, prompt, ...given('boxes', boxes) }
    const bars = shown()
    const words = stream()
    const options = {
      signal,
      engine: onDevice(bars.options),
      ...(weights === undefined ? {} : { language: onDevice({ ...bars.options, storage: weights }) }),
      stages: dump !== undefined,
      onText: (text: string) => {
        bars.stop()
        words.grow(text)
      },
      ...given('maxNewTokens', most),
      ...samplingOf(drawn),
    }
    return F.pipe(
      load(folder),
      TE.flatMap(answerTo(question, undefined, options)),
      TE.mapLeft(error => {
        bars.stop()
        return error
      }),
      TE.tapIO(answer => () => words.end(answer.text)),
      TE.flatMap(answer => dumped(dump, answer)),
    )
  },
})

/** Runs on the device, and profiles each program once. */
const profiling =
  (options: CompileOptions, profiles: Map<string, Profile>): Engine =>
  (outputs, weights) => {
    const name = Object.keys(outputs).join(', ')
    const prepared = (program: Program) => ({
      run: (feeds: Parameters<Program['run']>[0]): ReturnType<Program['run']> =>
        F.pipe(
          program.run(feeds, { signal }),
          TE.tap(() =>
            // of a long question that is read in pieces, the first
            profiles.has(name)
              ? TE.right(profiles)
              : TE.map((profile: Profile) => profiles.set(name, profile))(program.profile(feeds, { signal })),
          ),
        ),
      reset: program.reset,
      dispose: program.dispose,
    })
    return TE.map(prepared)(compile(outputs, { ...options, weights, next: updates(outputs) }))
  }

export const profile = command({
  name: 'profile',
  description: 'Where the time of an answer goes, beside what the device reaches when measured',
  args: {
    folder,
    image,
    prompt,
    boxes,
    by: option({
      long: 'by',
      type: oneOf(['kernel', 'block', 'pass'] as const),
      defaultValue: () => 'kernel' as const,
      description: 'what a row is: a kernel, a block of the model, or a pass',
    }),
  },
  examples: [
    { description: 'By kernel', command: 'sluice profile DIR street.jpg "How many cars?" --boxes street.boxes.json' },
    { description: 'By block of the model', command: 'sluice profile DIR street.jpg "How many cars?" --by block' },
  ],
  handler: ({ folder, image, prompt, boxes, by }) => {
    const question: Question = { image, prompt, ...given('boxes', boxes) }
    const profiles = new Map<string, Profile>()
    const bars = shown()
    const engine = profiling(bars.options, profiles)
    return async () => {
      const answer = await F.pipe(
        load(folder),
        TE.flatMap(answerTo(question, undefined, { signal, engine, maxNewTokens: 1 })),
      )()
      bars.stop()
      if (E.isLeft(answer)) return answer
      if (signal.aborted) return E.left(interrupted('profiling'))
      const measured = await doctor()
      if (E.isLeft(measured)) return measured
      const { matmul, stream } = measured.right.measured
      const ceilings = { gflops: matmul.rate, gigabytesPerSecond: stream.rate }
      for (const [outputs, one] of profiles) print(`${outputs}\n${formatProfile(one, { by, ceilings })}\n`)
      return E.right(true)
    }
  },
})
