/**
 * Random programs for the differential test of size arithmetic and signatures. The run-time functions say what every size, shape and
 * refusal is; the text says the same to tsc, which has to agree with each line.
 */
import { applySignature, isRefusal, size, type Dim, type Draw, type Shape } from 'sluice'

const names = ['boxes', 'text', 'n', 'h', 'batch', 'N2', '_k'] as const
const numbers = [0, 1, 2, 3, 7, 14, 16, 49, 64, 576, 577, 1024, 4096, 11008] as const
const print = (d: Dim): string => JSON.stringify(d)
const printShape = (s: Shape): string => `[${s.map(print).join(', ')}]`

const number = (draw: Draw): number =>
  draw.pick([() => draw.pick(numbers), () => draw.int(0, 99), () => draw.int(0, 9999), () => draw.int(0, 9_999_999)])()
const operations = [size.add, size.mul, size.add, size.sub, size.div, size.floorDiv] as const
/** Numbers are exact up to 2^53, in types and in functions; sizes beyond do not occur. From 1e21 on they are printed with an exponent. */
export const exact = (d: Dim): boolean =>
  (String(d).match(/\d+(\.\d+)?(e\+\d+)?/g) ?? []).every(n => Number(n) <= Number.MAX_SAFE_INTEGER)
const usable = (d: Dim): boolean => exact(d) && !String(d).startsWith('✗') && String(d).length <= 60
/** A size: a number, a name, or some arithmetic on them. */
const dim = (draw: Draw, depth: number): Dim => {
  if (depth === 0 || draw.int(0, 2) === 0) return draw.int(0, 1) === 0 ? number(draw) : draw.pick(names)
  const a = dim(draw, depth - 1)
  const made = draw.pick(operations)(a, dim(draw, depth - 1))
  return usable(made) ? made : a
}

const functions = {
  Add: size.add,
  Mul: size.mul,
  Sub: size.sub,
  Div: size.div,
  FloorDiv: size.floorDiv,
  Divisible: size.divisible,
} as const
const arithmetic = (draw: Draw): string | undefined => {
  const name = draw.pick(Object.keys(functions) as (keyof typeof functions)[])
  const [a, b] = [dim(draw, 2), dim(draw, 1)]
  const result = functions[name](a, b)
  if (!exact(result)) return undefined
  return `yes<Eq<${name}<${print(a)}, ${print(b)}>, ${print(result)}>>()`
}
const windows = (draw: Draw): string => {
  const h = draw.int(0, 1) === 0 ? number(draw) : dim(draw, 1)
  const [k, stride, padding] = [draw.int(1, 14), draw.int(1, 14), draw.int(0, 3)]
  return `yes<Eq<Conv<${print(h)}, ${k}, ${stride}, ${padding}>, ${print(size.conv(h, k, stride, padding))}>>()`
}

const shuffled = <T>(draw: Draw, items: readonly T[]): T[] => {
  const left = [...items]
  return items.map(() => left.splice(draw.int(0, left.length - 1), 1)[0]!)
}
/** Some of them in groups of two or three. */
const grouped = (draw: Draw, items: readonly string[]): string[][] => {
  const groups: string[][] = []
  for (let i = 0; i < items.length; i += groups.at(-1)!.length)
    groups.push(items.slice(i, i + (draw.int(0, 2) === 0 ? draw.int(2, 3) : 1)))
  return groups
}
const sayAll = (groups: readonly (readonly string[])[]): string =>
  groups.map(g => (g.length > 1 ? `(${g.join(' ')})` : g[0]!)).join(' ')

/** A rearrangement: some axes, some of them grouped, in another order on the right, some groups there. */
const rearrangement = (draw: Draw): string | undefined => {
  const axes = [...'abcdefg'].slice(0, draw.int(1, 5))
  const sizes: Record<string, Dim> = Object.fromEntries(
    axes.map(a => [a, draw.int(0, 3) === 0 ? draw.pick(names) : draw.int(1, 12)]),
  )
  const left = grouped(draw, shuffled(draw, axes))
  const given: Record<string, number> = {}
  for (const group of left) {
    const open = draw.int(0, group.length - 1)
    if (group.length > 1)
      group.forEach((a, k) => {
        if (k !== open) sizes[a] = given[a] = draw.int(1, 12)
      })
  }
  const rest = draw.int(0, 2) === 0 ? draw.pick<Shape>([[], ['n'], [2, 'boxes']]) : undefined
  const dots = rest === undefined ? '' : '...s '
  const pattern = `${dots}${sayAll(left)} -> ${dots}${sayAll(grouped(draw, shuffled(draw, axes)))}`
  const shape = [...(rest ?? []), ...left.map(g => size.prod(g.map(a => sizes[a]!)))]
  const made = applySignature(pattern, given, [shape])
  if (isRefusal(made)) return undefined
  const extra = Object.keys(given).length === 0 ? '' : `, ${JSON.stringify(given)}`
  return `is<Tensor<${printShape(made)}>>()(rearrange(${JSON.stringify(pattern)}${extra})(t<${printShape(shape)}>()), true)`
}
/** A product of two tensors that share some axes, of which some stay. */
const product = (draw: Draw): string | undefined => {
  const axes = [...'ijkl'].map(a => [a, draw.int(0, 3) === 0 ? draw.pick(names) : draw.int(1, 12)] as const)
  const side = (): (readonly [string, Dim])[] => shuffled(draw, axes).slice(0, draw.int(1, 3))
  const [a, b] = [side(), side()]
  const seen = [...new Set([...a, ...b])]
  const kept = shuffled(draw, seen).slice(0, draw.int(0, seen.length))
  const say = (side: readonly (readonly [string, Dim])[]): string => side.map(([name]) => name).join(' ')
  const pattern = `${say(a)}, ${say(b)} -> ${say(kept)}`.trimEnd()
  const shapes = [a, b].map(side => side.map(([, d]) => d))
  const made = applySignature(pattern, {}, shapes)
  if (isRefusal(made)) return undefined
  const inputs = shapes.map(s => `t<${printShape(s)}>()`).join(', ')
  return `is<Tensor<${printShape(made)}>>()(einsum(${JSON.stringify(pattern)})(${inputs}), true)`
}

const header = `import type { Add, Mul, Sub, Div, FloorDiv, Divisible, Conv, Shape, Tensor } from 'sluice'
import { einsum, rearrange } from 'sluice/ops'
type Eq<A, B> = (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true : false
declare const yes: <T extends true>() => void
declare const t: <S extends Shape>() => Tensor<S>
declare const is: <E>() => <A>(a: A, ok: Eq<A, E>) => void
`
/** A program of about `count` lines, each a claim that tsc must accept. */
export const fuzzProgram = (draw: Draw, count: number): string => {
  const lines = Array.from({ length: count }, (_, i) =>
    [arithmetic, arithmetic, arithmetic, windows, rearrangement, product][i % 6]!(draw),
  )
  return header + lines.filter(line => line !== undefined).join('\n')
}
