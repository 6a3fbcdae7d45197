/**
 * WGSL against the reference, on whatever runs programs: a few instances of an op in one program, then one instance whose size has a
 * name, run again and again with sizes at the edges, which compiles nothing new.
 */
import { either as E } from 'fp-ts'
import type { Door, SluiceError } from '../errors.ts'
import { countOf, type AnyTensor, type Feeds, type Op, type Value } from '../graph/index.ts'
import { showShape, type Shape } from '../shape/index.ts'
import { edges, edgesOf, valueOf } from './checks.ts'
import { outsideDomain } from './domain.ts'
import { asFeeds, build, describe, nameSizes, numbersOf, tensorOf, type Built, type Instance } from './instance.ts'
import { measuredRounding } from './rounding.ts'
import { toleranceClass } from './tolerance-class.ts'
import { differs, limits } from './tolerances.ts'

/** Runs outputs on a device: `run` of the library, with its options filled in. */
export type Runner = (
  outputs: Readonly<Record<string, AnyTensor>>,
  feeds: Feeds,
) => Door<Readonly<Record<string, Value>>>

/** More rows than a dispatch may have workgroups in a direction: rows of the output, since nothing is folded from so many numbers. */
const beyondOneDimension = 65_537
const mostElements = 400_000

/** What is wrong on the device, in sentences that name the instance. */
export const onDevice = async (op: Op, instances: readonly Instance[], run: Runner): Promise<readonly string[]> => {
  const together = await literally(op, instances, run)
  // what does not run once would only say the same again at every edge
  if (E.isLeft(together)) return [together.left]
  const [first] = instances
  return first === undefined ? together.right : [...together.right, ...(await atEdges(op, first, run))]
}

/** Left: the program does not run at all, and why. */
const literally = async (
  op: Op,
  instances: readonly Instance[],
  run: Runner,
): Promise<E.Either<string, readonly string[]>> => {
  const cases = instances.flatMap((instance, i) => {
    const values = numbersOf(op, instance)
    const prefix = `i${i}_`
    return values === undefined
      ? []
      : [{ instance, values, prefix, node: build(op, instance, instance.shapes, prefix) }]
  })
  if (cases.length === 0) return E.right([])
  const outputs = Object.fromEntries(cases.map(({ node }, i) => [`y${i}`, tensorOf(node)]))
  const feeds = Object.assign({}, ...cases.map(({ values, prefix }) => asFeeds(values.map(asSingle), prefix))) as Feeds
  const got = await run(outputs, feeds)()
  if (E.isLeft(got)) return E.left(`${describe(op, cases[0]!.instance)}: ${firstOf(got.left)}`)
  const wrong = cases.flatMap(({ instance, values, node }, i) => {
    const difference = against(node, node, got.right[`y${i}`]!, values, `i${i}_`)
    return difference === undefined ? [] : [`${describe(op, instance)}: ${difference}`]
  })
  return E.right(wrong)
}
/** One of errors found together: kernels of one op for several shapes have one mistake, and it is told once. */
const firstOf = (error: SluiceError): string => (error.kind === 'several' ? error.errors[0]! : error).message

const atEdges = async (op: Op, instance: Instance, run: Runner): Promise<readonly string[]> => {
  const wrong: string[] = []
  const named = nameSizes(op, instance)
  const from = named.sizes[instance.seed % Math.max(named.sizes.length, 1)]
  const shapes: readonly Shape[] = instance.shapes.map(s => s.map(n => (n === from ? 'n' : n)))
  const symbolic = build(op, instance, shapes)
  const many = edgesOf(op, instance, [beyondOneDimension], mostElements).filter(
    made => countOf(build(op, made).shape as readonly number[]) >= beyondOneDimension,
  )
  for (const made of [...edgesOf(op, instance, edges, mostElements), ...many]) {
    const values = numbersOf(op, made)!
    const got = await run({ y: tensorOf(symbolic) }, asFeeds(values.map(asSingle)))()
    const difference = E.isLeft(got) ? firstOf(got.left) : against(build(op, made), symbolic, got.right.y!, values)
    if (difference !== undefined)
      wrong.push(`${describe(op, made)}, built as ${shapes.map(showShape).join(', ')}: ${difference}`)
    if (E.isLeft(got)) break
  }
  return wrong
}

/**
 * The first difference of a device's value from the reference's. `reference` has numbers for sizes and `built` is what ran. What rounding
 * does is measured where the limits of the class do not do.
 */
const against = (
  reference: Built,
  built: Built,
  got: Value,
  values: readonly Value[],
  prefix = '',
): string | undefined => {
  const wanted = valueOf(tensorOf(reference), asFeeds(values, prefix))
  const of = toleranceClass(built)
  const held = of === 'exact' ? { ...wanted, data: Float64Array.from(wanted.data, Math.fround) } : wanted
  const difference =
    differs(got, held, limits(of, held)) &&
    differs(got, held, limits(of, held, measuredRounding(reference, values, wanted)))
  if (difference === undefined) return undefined
  const outside = outsideDomain(wanted)
  return `${difference} (${of})${outside === undefined ? '' : `; ${outside}`}`
}
const asSingle = (v: Value): Value => ({
  ...v,
  data: v.kind === 'float' ? Float32Array.from(v.data) : Int32Array.from(v.data),
})
