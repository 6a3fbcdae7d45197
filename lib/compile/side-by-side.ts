/**
 * Fewer dispatches for work that few workgroups do. A sum over the rows of a large matrix keeps some hundred lanes busy and leaves the
 * rest of a device idle; a step of training has one for every bias, and a token of a language model asks three products of the same row in
 * every layer. Such passes, where none waits for another, become one pass of several parts (together.ts). Like sharing (share.ts) it is
 * done on the finished text, so that no form or schedule knows of it.
 */
import { size, type Dim } from '../shape/index.ts'
import { inCommon } from './needed.ts'
import { writesOf, type BufferPlan, type DeviceProfile, type Operand, type Pass } from './pass.ts'
import { aboutSize } from './usual.ts'
import { boundOf, goTogether, textOf, together, type Text } from './together.ts'

/** Passes of at most so many workgroups that move at least so many bytes: below, compiling the parts together outlasts them. */
const fewWorkgroups = 1024
const muchMemory = 1e6
const mostParts = 4

/** How large a size of a pass gets, if it grows with its names: of one for a few rows, what it is for the most of them. */
const mostOf = ({ when }: Pass, d: Dim): number => {
  if (typeof d === 'number') return d
  if (when?.most === undefined || typeof when.size === 'number') return Infinity
  try {
    return size.readDim(d)({ [when.size]: when.most })
  } catch {
    return Infinity
  }
}
const isIdle = (pass: Pass, { tuning }: DeviceProfile): boolean => {
  const [x, y, z] = pass.grid
  return (
    mostOf(pass, x) <= fewWorkgroups &&
    y === 1 &&
    z === 1 &&
    Number.isFinite(mostOf(pass, pass.bytes)) &&
    mostOf(pass, pass.bytes) >= muchMemory &&
    // a device in software has enough to do with one product, and would compile a kernel for them together
    (pass.when === undefined ? pass.sizes.length === 0 : tuning === 'gpu') &&
    // a run may leave a state as it is while others advance
    pass.write.buffer.holds.what !== 'state' &&
    isPlain(pass)
  )
}

/**
 * Is a pass over before it has begun, where a GPU runs it for one token? Such are the turning of queries and keys, and writing keys and
 * values down. A run that leaves states as they are puts back what is changed of them in part (program.ts).
 */
const isShort = (pass: Pass, { tuning }: DeviceProfile): boolean =>
  tuning === 'gpu' &&
  pass.when === undefined &&
  pass.also === undefined &&
  (pass.sizes.length > 0 || Number(pass.bytes) < 1024) &&
  aboutSize(pass.flops) <= littleWork * aboutSize(pass.write.buffer.elements) &&
  pass.grid[1] === 1 &&
  pass.grid[2] === 1 &&
  (pass.write.buffer.holds.what !== 'state' || pass.changes === true) &&
  isPlain(pass)
/** passes that a short one waits for at most, and operations that it makes a number with: products keep kernels of their own */
const [reach, littleWork] = [8, 32]
const isPlain = (pass: Pass): boolean =>
  [...pass.reads, pass.write].every(o => o.slice === undefined && o.image !== true)

const idsOf = (operands: readonly Operand[]): readonly number[] => operands.map(o => o.buffer.id)
/** What a pass writes lives longer if it runs earlier: only a small result may. */
const isSmallBeside = (pass: Pass): boolean => mostOf(pass, pass.write.buffer.elements) * 32 <= mostOf(pass, pass.bytes)
const areAlike = (a: Pass['when'], b: Pass['when']): boolean =>
  a?.size === b?.size && a?.least === b?.least && a?.most === b?.most
/** Are two passes for different sizes, so that one run has only one of them? */
const isOtherCase = (a: Pass, b: Pass): boolean => inCommon(a.when ?? 'all', b.when ?? 'all') === undefined
/** May `later` run before `earlier`: does neither write what the other touches? */
const mayPass = (later: Pass, earlier: Pass): boolean => {
  if (isOtherCase(later, earlier)) return true
  const [writes, before] = [idsOf(writesOf(later)), idsOf(writesOf(earlier))]
  const touched = [...idsOf(later.reads), ...writes]
  return before.every(id => !touched.includes(id)) && idsOf(earlier.reads).every(id => !writes.includes(id))
}

/** Passes that lie beside each other, in groups: each is run where its first stands, in the order that is given. */
const grouped = (
  passes: readonly Pass[],
  texts: ReadonlyMap<Pass, Text>,
  most: number,
  joins: (other: Pass, group: readonly Pass[], between: readonly Pass[]) => boolean,
): readonly (readonly Pass[])[] => {
  const taken = new Set<Pass>()
  return passes.flatMap((pass, i): readonly (readonly Pass[])[] => {
    if (taken.has(pass)) return []
    const group = [pass]
    for (const other of texts.has(pass) ? passes.slice(i + 1) : []) {
      if (group.length === mostParts) break
      if (taken.has(other) || !texts.has(other) || !areAlike(pass.when, other.when)) continue
      const all = [...group, other]
      const between = passes.slice(i, passes.indexOf(other)).filter(p => !taken.has(p) || group.includes(p))
      const fits =
        boundOf(all, texts) <= most &&
        joins(other, group, between) &&
        between.every(p => mayPass(other, p)) &&
        goTogether(all.map(p => texts.get(p)!))
      if (fits) {
        group.push(other)
        taken.add(other)
      }
    }
    return [group]
  })
}
const textsOf = (passes: readonly Pass[], which: (pass: Pass) => boolean): ReadonlyMap<Pass, Text> =>
  new Map(
    passes.filter(which).flatMap(pass => {
      const text = textOf(pass)
      return text === undefined ? [] : [[pass, text] as const]
    }),
  )

/** By pass, the outputs that it is needed for, as a text. */
const outputsFrom = (passes: readonly Pass[], outputs: readonly BufferPlan[]): ReadonlyMap<Pass, string> => {
  const asking = new Map<BufferPlan, ReadonlySet<number>>()
  const ask = (buffer: BufferPlan, by: Iterable<number>): void => {
    asking.set(buffer, new Set([...(asking.get(buffer) ?? []), ...by]))
  }
  for (const output of outputs) ask(output, [output.id])
  const needs = passes.toReversed().map((pass): [Pass, string] => {
    const by = new Set(writesOf(pass).flatMap(({ buffer }) => [...(asking.get(buffer) ?? [])]))
    for (const { buffer } of pass.reads) ask(buffer, by)
    return [pass, [...by].toSorted((a, b) => a - b).join()]
  })
  return new Map(needs)
}

/** The passes in an order that computes the same, with those that leave a device idle side by side. */
export const sideBySide = (
  passes: readonly Pass[],
  outputs: readonly BufferPlan[],
  profile: DeviceProfile,
): readonly Pass[] => {
  const { maxStorageBuffers } = profile
  const one = (group: readonly Pass[], texts: ReadonlyMap<Pass, Text>): Pass =>
    group.length === 1
      ? group[0]!
      : together(
          group,
          group.map(p => texts.get(p)!),
        )
  const idle = textsOf(passes, pass => isIdle(pass, profile))
  const busier = grouped(
    passes,
    idle,
    maxStorageBuffers,
    (other, group, between) => between.length === group.length || isSmallBeside(other),
  ).map(group => one(group, idle))
  // a short one waits for a later one, so that what was joined above comes before it; a run that asks for one asks for both
  const short = textsOf(busier, pass => isShort(pass, profile))
  if (short.size === 0) return busier
  const needed = outputsFrom(busier, outputs)
  return grouped(
    busier.toReversed(),
    short,
    maxStorageBuffers,
    (other, [first], between) => between.length <= reach && needed.get(other) === needed.get(first!),
  )
    .map(group => one(group.toReversed(), short))
    .toReversed()
}
