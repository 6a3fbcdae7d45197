import { op, pointwise, signatureRule, wgslTruth, type Shape, type Truth } from '../lib/index.ts'

/** Not x, of truth values. */
export const logicalNot: <S extends Shape>(x: Truth<S>) => Truth<S> = op('logicalNot', {
  kinds: 'truth -> truth',
  rule: signatureRule<undefined>('...s -> ...s'),
  ...pointwise(
    x => 1 - x!,
    x => wgslTruth`!${x!}`,
  ),
  domain: () => [0, 1],
  laws: { 'undoes itself': (f, x) => [f(f(x)), x] },
})
