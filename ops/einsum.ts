import {
  expressions,
  loosely,
  op,
  signatureRule,
  size,
  solvePattern,
  stridesOf,
  positionOf,
  indexAlong,
  tabulate,
  zipNames,
  type BinaryFn,
  type CheckSig,
  type Expr,
  type PlanOf,
  type Rule,
  type Shape,
  type Pattern,
} from '../lib/index.ts'

interface Attrs {
  readonly pattern: string
}
type Einsum = <const Sig extends string>(pattern: CheckSig<Sig>) => BinaryFn<PlanOf<Sig, never>, {}>

/** Which names a product keeps from both inputs, from one, or sums over. */
const roles = (pattern: Pattern): Record<'batch' | 'm' | 'n' | 'k', readonly string[]> => {
  const [a, b] = pattern.inputs as [readonly string[], readonly string[]]
  const y = pattern.output as readonly string[]
  return {
    batch: y.filter(n => a.includes(n) && b.includes(n)),
    m: y.filter(n => a.includes(n) && !b.includes(n)),
    n: y.filter(n => b.includes(n) && !a.includes(n)),
    k: [...new Set([...a, ...b])].filter(n => !y.includes(n)),
  }
}
/** A tensor walked by offsets: where the terms of each element of the output begin, and where they stand from there. */
interface Walk {
  readonly data: ArrayLike<number>
  readonly rows: Float64Array
  readonly terms: Float64Array
}
/** How far one step along each name moves in a row-major tensor with these axes. */
const stepsOf = (axes: readonly string[], shape: readonly number[]): ReadonlyMap<string, number> => {
  const steps = new Map<string, number>()
  zipNames(axes, stridesOf(shape)).forEach(([name, stride]) => steps.set(name, (steps.get(name) ?? 0) + stride))
  return steps
}
/** Where in that tensor each index along `names` stands, the last name fastest. */
const offsets = (pattern: Pattern, names: readonly string[], steps: ReadonlyMap<string, number>): Float64Array => {
  const by = names.map(name => steps.get(name) ?? 0)
  return tabulate(pattern.sizesOf(names).map(Number), index => positionOf(index, by))
}
const named = signatureRule<Attrs>(a => a.pattern)
const rule: Rule<Attrs> = {
  ...named,
  infer: (shapes, attrs) => {
    const group = /\([^)]*\)/.exec(attrs.pattern)?.[0]
    if (group === undefined) return named.infer(shapes, attrs)
    return {
      why: `a product does not group axes, as '${group}' does: rearrange its inputs before, or the product after`,
    }
  },
}
const solved = (attrs: Attrs, shapes: readonly Shape[]): Pattern => solvePattern(attrs.pattern, {}, shapes)

/**
 * A sum of products of two tensors by a signature: einsum('...s m k, ...s k n -> ...s m n')(a, b). Axes that stand only in the inputs
 * are summed over. The one contraction of the language: matrix products, linear layers and attention are made of it.
 */
export const einsum: Einsum = op('einsum', {
  args: (pattern: string): Attrs => ({ pattern }),
  kinds: 'float, float -> float',
  rule,
  reference: ([a, b], { attrs, shapes }) => {
    const pattern = solved(attrs, shapes)
    const { k } = roles(pattern)
    const y = pattern.output as readonly string[]
    const out = new Float64Array(pattern.sizesOf(y).reduce<number>((n, d) => n * Number(d), 1))
    const walk = (input: number): Walk => {
      const { data, shape } = [a!, b!][input]!
      const steps = stepsOf(pattern.inputs[input] as readonly string[], shape)
      return { data, rows: offsets(pattern, y, steps), terms: offsets(pattern, k, steps) }
    }
    const [left, right] = [walk(0), walk(1)]
    for (let i = 0; i < out.length; i++) {
      const [from, to] = [left.rows[i]!, right.rows[i]!]
      let total = 0
      for (let j = 0; j < left.terms.length; j++)
        total += left.data[from + left.terms[j]!]! * right.data[to + right.terms[j]!]!
      out[i] = total
    }
    return out
  },
  form: ({ attrs, shapes }) => {
    const pattern = solved(attrs, shapes)
    const { batch, m, n, k } = roles(pattern)
    const along = (
      axes: Pattern['output'],
      ...groups: readonly (readonly (readonly [string, Expr])[])[]
    ): readonly Expr[] => indexAlong(expressions, pattern, axes, new Map(groups.flat()))
    return {
      form: 'contract',
      batch: pattern.sizesOf(batch),
      m: pattern.sizesOf(m),
      n: pattern.sizesOf(n),
      k: pattern.sizesOf(k),
      a: (load, bs, ms, ks) =>
        load(0, along(pattern.inputs[0]!, zipNames(batch, bs), zipNames(m, ms), zipNames(k, ks))),
      b: (load, bs, ns, ks) =>
        load(1, along(pattern.inputs[1]!, zipNames(batch, bs), zipNames(n, ns), zipNames(k, ks))),
      place: (bs, ms, ns) => along(pattern.output, zipNames(batch, bs), zipNames(m, ms), zipNames(n, ns)),
    }
  },
  gradient: (dy, { inputs: [a, b], attrs }) => {
    const [left, y] = attrs.pattern.split('->').map(s => s.trim()) as [string, string]
    const [ea, eb] = left.split(',').map(s => s.trim()) as [string, string]
    const product = loosely(einsum)
    return [product(`${y}, ${eb} -> ${ea}`)(dy, b!), product(`${y}, ${ea} -> ${eb}`)(dy, a!)]
  },
  flops: (shapes, _, attrs) => {
    const pattern = solved(attrs, shapes)
    const { batch, m, n, k } = roles(pattern)
    return size.mul(2, size.prod(pattern.sizesOf([...batch, ...m, ...n, ...k])))
  },
  sampleAttrs: draw => ({
    pattern: draw.pick([
      '...s m k, ...s k n -> ...s m n',
      '...s i, o i -> ...s o',
      'h i d, h j d -> h i j',
      'm, n -> m n',
      'k, k ->',
    ]),
  }),
}) as Einsum
