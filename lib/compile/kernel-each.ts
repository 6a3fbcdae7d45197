/** The kernel of a node that is computed element by element: one lane makes four consecutive numbers where that reads memory well. */
import { axis, plus, unravel, type Each } from '../form/index.ts'
import type { Applied } from '../graph/index.ts'
import { size } from '../shape/index.ts'
import {
  elementOf,
  indent,
  loader,
  positionIn,
  printModule,
  sideBySide,
  type KernelContext,
  type KernelSource,
} from './kernel.ts'
import { Block, stored, type Text } from './wgsl.ts'

/** lanes of a workgroup, and units that a lane makes: small workgroups that loop suit a CPU, wide ones a GPU */
const elementwiseTeam = (profile: KernelContext['profile']): readonly [number, number] => [
  sideBySide(profile),
  profile.tuning === 'gpu' ? 1 : 4,
]

/** buffers that a lane reads four scattered numbers of: every load is a site to compile */
const mostGathered = 3

export const eachKernel = (context: KernelContext): KernelSource => {
  const { fusion, root, profile, part } = context
  const count = part?.count ?? size.prod(root.shape)
  const index = unravel(plus(axis('i', count), part?.first ?? 0), root.shape)
  const value = elementOf(fusion, root, index, undefined)
  const [lanes, units] = elementwiseTeam(profile)
  const attempt = (four: boolean) => {
    const per = lanes * units * (four ? 4 : 1)
    const over = context.over && { ...context.over, wide: four }
    return printModule({ ...context, over }, module => {
      const block = new Block(module, { axis: () => 'i', ...(four ? { four: 'i', quarters: { i: 'q' } } : {}) })
      const [made] = block.print(value)
      const steps = four ? size.floorDiv(size.add(count, 3), 4) : count
      const limit = module.size(steps)
      const index = four ? 'q' : 'i'
      const work = [...(four ? ['let i = q * 4;'] : []), ...block.lines, `y[${index}] = ${stored(made!, four)};`]
      const first = `i32(group.y * 32768u + group.x) * ${lanes * units} + i32(lane)`
      const inner =
        units === 1
          ? [`let ${index} = ${first};`, `if (${index} >= ${limit}) { return; }`, ...work]
          : [
              `let first = ${first};`,
              `for (var ${index} = first; ${index} < min(first + ${lanes * units}, ${limit}); ${index} += ${lanes}) {`,
              indent(work),
              '}',
            ]
      const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
${indent(inner)}
}
`
      return { body, output: { wide: four }, grid: [size.floorDiv(size.add(count, per - 1), per), 1, 1] }
    })
  }
  const four = attempt(true)
  // four at a time pays when some load is one vec4 load (or there is nothing to load); on lavapipe, which computes an index as slowly as it
  // loads, also where four loads share one. A GPU hides the index behind the load, and lanes side by side then read side by side
  const inRows = Number(root.shape.at(-1)) % 4 === 0
  const shares = profile.tuning === 'lavapipe' && inRows && four.reads.length <= mostGathered
  return four.reads.length === 0 || four.vectors !== 'none' || shares ? four : attempt(false)
}

/** The kernel of a state that changes in place: only what changes is computed and stored. */
export const changeKernel = (
  context: KernelContext,
  node: Applied,
  change: NonNullable<Each['change']>,
): KernelSource => {
  const { fusion, profile } = context
  const count = size.prod(change.space)
  const index = unravel(axis('i', count), change.space)
  const load = loader(fusion, node)
  const [lanes, units] = elementwiseTeam(profile)
  const source = printModule(context, module => {
    const block = new Block(module, { axis: () => 'i' })
    const [when, at, value] = block.print(
      change.when(load, index),
      positionIn(context, change.place(load, index)),
      change.value(load, index),
    ) as [Text, Text, Text]
    const body = `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = i32(group.y * 32768u + group.x) * ${lanes * units} + i32(lane);
  for (var i = first; i < min(first + ${lanes * units}, ${module.size(count)}); i += ${lanes}) {
${indent([...block.lines, `if (${when.text}) { y[${at.text}] = ${stored(value, false)}; }`], '    ')}
  }
}
`
    return {
      body,
      output: { wide: false },
      grid: [size.floorDiv(size.add(count, lanes * units - 1), lanes * units), 1, 1],
    }
  })
  return { ...source, changes: true }
}
