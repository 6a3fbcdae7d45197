/**
 * Which answers are right. The tokens of the right answer are given one after the other and the likeliest next one is compared with each: all
 * agree exactly where greedy answering says the answer, and one run asks many questions.
 */
import { either as E, taskEither as TE } from 'fp-ts'
import { interrupted } from '../../lib/errors.ts'
import { compile, type CompileOptions, type Door, type Program, type Value } from '../../lib/index.ts'
import type { Learning, PlacedSample } from './answers.ts'
import type { Turn } from './conversation.ts'
import type { Samples } from './dataset.ts'
import { unlabelled } from './splicing.ts'

export interface Exam<S> {
  /** For each sample, whether all tokens of its answers would be said. */
  readonly mark: (samples: readonly S[]) => Door<readonly boolean[]>
  readonly dispose: () => void
}
/** What a model that learns like this answers with these weights. Errors: those of compiling and running. */
export const openExam = <S extends PlacedSample>(
  { said, feeds }: Pick<Learning<S>, 'said' | 'feeds'>,
  options: Pick<CompileOptions, 'weights' | 'device' | 'storage'>,
): Door<Exam<S>> =>
  TE.map(({ run, dispose }: Program): Exam<S> => ({
    dispose,
    mark: samples => {
      const { labels, ...fed } = feeds(samples)
      const expected = (labels as Value).data
      return TE.map(({ said: ids }: Readonly<Record<string, Value>>) => {
        let at = 0
        return samples.map(sample => {
          const from = at
          at += sample.labels.filter((label, t) => t > 0 && label !== unlabelled).length
          return ids!.data.subarray(from, at).every((id, i) => id === expected[from + i])
        })
      })(run(fed))
    },
  }))(compile({ said }, options))

export interface MarkingOptions {
  /** samples that are asked together; 8 unless said, no more than a step usually learns from */
  readonly batch?: number
  /** told how many are marked */
  readonly onMarked?: (count: number) => void
  readonly signal?: AbortSignal
}
/** Marks of all samples of a set. Errors: those of running and of making samples; `interrupted` by the signal. */
export const markAll =
  <S>({ mark }: Exam<S>, { batch = 8, onMarked, signal }: MarkingOptions = {}) =>
  ({ lengths, sample }: Samples<S>): Door<readonly boolean[]> =>
  async () => {
    const marks: boolean[] = []
    while (marks.length < lengths.length) {
      if (signal?.aborted === true) return E.left(interrupted(`the exam, after ${marks.length} of ${lengths.length},`))
      const count = Math.min(batch, lengths.length - marks.length)
      const samples = await TE.traverseArray(sample)(Array.from({ length: count }, (_, k) => marks.length + k))()
      if (E.isLeft(samples)) return samples
      const marked = await mark(samples.right)()
      if (E.isLeft(marked)) return marked
      marks.push(...marked.right)
      onMarked?.(marks.length)
    }
    return E.right(marks)
  }

export interface Score {
  readonly right: number
  readonly asked: number
}
/** Wilson's interval of a share, 95 %. Wilson, Probable inference, the law of succession, and statistical inference, 1927. */
export const interval = ({ right, asked }: Score): readonly [low: number, high: number] => {
  const z = 1.96
  const share = right / asked
  const middle = share + z ** 2 / (2 * asked)
  const half = z * Math.sqrt((share * (1 - share)) / asked + z ** 2 / (4 * asked ** 2))
  const whole = 1 + z ** 2 / asked
  // rounding alone leads out of a share
  return [Math.max(0, (middle - half) / whole), Math.min(1, (middle + half) / whole)]
}

/** Whether who always gives the commonest answer of a question's family in training, without looking, is right about each question. */
export const marksWithoutLooking = (
  training: readonly Pick<Turn, 'family' | 'answer'>[],
  exam: readonly Pick<Turn, 'family' | 'answer'>[],
): readonly boolean[] => {
  const answers = new Map<string | undefined, Map<string, number>>()
  for (const { family, answer } of training) {
    const of = answers.get(family) ?? new Map<string, number>()
    answers.set(family, of.set(answer, (of.get(answer) ?? 0) + 1))
  }
  const commonest = new Map([...answers].map(([family, of]) => [family, [...of].sort(([, a], [, b]) => b - a)[0]![0]]))
  return exam.map(({ family, answer }) => commonest.get(family) === answer)
}
