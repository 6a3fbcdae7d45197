/** What ops share that are nothing but one einops pattern with a name of their own: rule, kinds and meaning from the pattern. */
import { loosely, signatureRule, type AnyTensor, type Dim, type Loose, type Rule } from '../lib/index.ts'
import { rearrange } from './rearrange.ts'

interface Arranged<A> {
  readonly kinds: string
  readonly rule: Rule<A>
  readonly meaning: (attrs: A) => (...xs: Loose[]) => AnyTensor
  readonly flops: () => Dim
}
/** An op that is a rearrangement; `sizes` takes from the attributes the sizes of the pattern. */
export const arranged = <A>(pattern: string, sizes: (attrs: A) => Readonly<Record<string, Dim>>): Arranged<A> => ({
  kinds: 'a -> a',
  rule: signatureRule<A>(pattern, sizes),
  meaning: attrs => x => loosely(rearrange)(pattern, sizes(attrs))(x!),
  flops: () => 0,
})
