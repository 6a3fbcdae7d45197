/** What language models are trained to make small: the surprise at the next token. */
import { loosely, type Dim, type Index, type Loose, type Shape, type Tensor } from '../lib/index.ts'
import { crossEntropy, slice } from '../ops/index.ts'

/**
 * Mean cross-entropy of the scores after each token, [..., T, V], against the label of the token that follows it, [..., T], over the
 * labels that are not -100.
 */
export const nextTokenLoss = <S extends Shape, T extends Dim, V extends Dim>(
  logits: Tensor<[...S, T, V]>,
  labels: Index<[...S, T]>,
): Tensor<[]> => {
  const scores: Loose = loosely(slice)({ axis: -2, stop: -1 })(logits)
  const following = loosely(slice)({ axis: -1, start: 1 })(labels)
  return crossEntropy()(scores, following as never)
}
