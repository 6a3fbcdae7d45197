import {
  loosely,
  namesOf,
  readSignature,
  type Canon,
  type CheckSig,
  type Dim,
  type Loose,
  type PlanOf,
  type Sizes,
  type UnaryFn,
} from '../lib/index.ts'
import { max } from './max.ts'
import { mean } from './mean.ts'
import { min } from './min.ts'
import { rearrange } from './rearrange.ts'
import { sum } from './sum.ts'

type How = 'sum' | 'mean' | 'max' | 'min'
// a function, because ops import each other: at the time this file is read some are not there yet
const foldOf = (how: How) => ({ sum, mean, max, min })[how]
type Reduce = <const Sig extends string, const Z extends Sizes = {}>(
  how: How,
  pattern: CheckSig<Sig, keyof Z & string>,
  sizes?: Z,
) => UnaryFn<PlanOf<Sig, keyof Z & string>, Canon<Z>>

/**
 * Folds the axes that stand only on the left of an einops pattern, then arranges the rest: reduce('mean', 'b n d -> b d').
 * Rogozhnikov, Einops, 2022.
 */
export const reduce: Reduce = ((how: How, pattern: string, sizes: Readonly<Record<string, Dim>> = {}) =>
  (x: Loose) => {
    const { inputs, output } = readSignature(pattern)
    const [left] = pattern.split('->') as [string]
    const stay = namesOf(output)
    const axes = namesOf(inputs[0] ?? [])
    const gone = axes.filter(n => !stay.includes(n) && n !== '1')
    if (gone.length === 0) return loosely(rearrange)(pattern, sizes)(x)
    const kept = axes.filter(n => stay.includes(n))
    const given = (names: readonly string[]): Record<string, Dim> =>
      Object.fromEntries(Object.entries(sizes).filter(([n]) => names.includes(n)))
    const open = loosely(rearrange)(`${left} -> ${[...kept, ...gone].join(' ')}`, given(axes))(x)
    const folded = foldOf(how)(...gone.map((_, k) => -1 - k))(open)
    return loosely(rearrange)(`${kept.join(' ')} -> ${pattern.split('->')[1]}`, given([...kept, ...stay]))(folded)
  }) as Reduce
