/**
 * Which answers are right. The tokens of the right answer are given one after the other and the likeliest next one is compared with each: all
 * agree exactly where greedy answering says the answer, and one run asks many questions.
 */
import { taskEither as TE } from 'fp-ts'
import { compile, type CompileOptions, type Door, type Program, type Value } from '../../lib/index.ts'
import type { Learning, PlacedSample } from './answers.ts'
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
