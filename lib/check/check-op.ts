/**
 * Checks one op and reports what was found: what `sluice check NAME` prints, what the tests of this library run for every op, and what
 * an op from outside is tested with. A new op brings no test of its own.
 */
import type { Op } from '../graph/index.ts'
import type { Draw } from '../shape/index.ts'
import { checks } from './checks.ts'
import { onDevice, type Runner } from './device.ts'
import { build, describe, drawInstance, type Instance } from './instance.ts'

export type CheckName = keyof typeof checks | 'device' | 'sample'
export interface CheckOptions {
  /** where instances get their choices from; `seededDraw(seed)`, or one that shrinks */
  readonly draw: Draw
  /** how many instances each check sees; 10 unless told */
  readonly instances?: number
  /** only these checks; all that apply unless told */
  readonly only?: readonly CheckName[]
  /** runs programs on a device: without it WGSL is not compared */
  readonly run?: Runner
}
export interface Checked {
  readonly check: CheckName
  readonly title: string
  /** the instances it saw, in words */
  readonly on: readonly string[]
  /** what is wrong, in sentences; empty where all is well */
  readonly wrong: readonly string[]
  readonly milliseconds: number
}
export interface Report {
  readonly op: string
  /** the sentence of the rule for the first instance */
  readonly rule: string
  readonly checked: readonly Checked[]
  readonly ok: boolean
}

const deviceTitle = 'WGSL agrees with the reference'
const sampleTitle = 'its rule accepts the instances that its record draws'

/** The checks that make sense for an op, with their titles. */
export const checksFor = (op: Op): readonly { readonly check: keyof typeof checks; readonly title: string }[] =>
  Object.entries(checks)
    .filter(([, check]) => check.appliesTo(op))
    .map(([check, { title }]) => ({ check: check as keyof typeof checks, title }))

/** Runs an op through the kit. It does not throw: whatever the op throws is a finding. */
export const checkOp = async (op: Op, options: CheckOptions): Promise<Report> => {
  const { draw, instances: count = 10, only, run } = options
  const drawn = drawInstances(op, draw, count)
  if ('wrong' in drawn) return { op: op.name, rule: '', checked: [drawn], ok: false }
  const { instances } = drawn
  const checked: Checked[] = []
  for (const { check, title } of checksFor(op)) {
    if (only !== undefined && !only.includes(check)) continue
    const start = performance.now()
    const wrong = instances.flatMap(instance => found(op, instance, () => checks[check].on(op, instance)))
    checked.push(checkedAs(op, check, title, instances, wrong, start))
  }
  if (run !== undefined && (only === undefined || only.includes('device'))) {
    const start = performance.now()
    const wrong = await onDevice(op, instances, run).catch((e: unknown) => [thrown(e)])
    checked.push(checkedAs(op, 'device', deviceTitle, instances, wrong, start))
  }
  const rule = instances[0] === undefined ? '' : op.rule.sentence(instances[0].attrs)
  return { op: op.name, rule, checked, ok: checked.every(({ wrong }) => wrong.length === 0) }
}
/** The instances, or the finding that the record draws what its own rule refuses; then there is nothing else to ask. */
const drawInstances = (op: Op, draw: Draw, count: number): { readonly instances: readonly Instance[] } | Checked => {
  const start = performance.now()
  const instances: Instance[] = []
  const sampled = (wrong: readonly string[]): Checked => checkedAs(op, 'sample', sampleTitle, instances, wrong, start)
  try {
    for (let i = 0; i < count; i++) instances.push(drawInstance(op, draw))
  } catch (e) {
    return sampled([`its sample throws ${thrown(e)}`])
  }
  const wrong = instances.flatMap(instance => found(op, instance, () => (build(op, instance), [])))
  return wrong.length > 0 ? sampled(wrong) : { instances }
}
const checkedAs = (
  op: Op,
  check: CheckName,
  title: string,
  instances: readonly Instance[],
  wrong: readonly string[],
  start: number,
): Checked => ({
  check,
  title,
  on: instances.map(i => describe(op, i)),
  wrong,
  milliseconds: performance.now() - start,
})
const found = (op: Op, instance: Instance, f: () => readonly string[]): readonly string[] => {
  try {
    return f().map(wrong => `${describe(op, instance)}: ${wrong}`)
  } catch (e) {
    return [`${describe(op, instance)}: ${thrown(e)}`]
  }
}
const thrown = (e: unknown): string => (e instanceof Error ? `${e.message}\n${frames(e)}` : String(e))
const frames = (e: Error): string =>
  (e.stack ?? '')
    .split('\n')
    .filter(line => /^ +at /.test(line))
    .slice(0, 5)
    .join('\n')

/** A report as text, a line for each check and each finding. */
export const showReport = (report: Report): string => {
  const lines = report.checked.flatMap(({ title, on, wrong, milliseconds }) => [
    `  ${wrong.length === 0 ? 'ok    ' : 'WRONG '} ${title} (${on.length} instances, ${milliseconds.toFixed(0)} ms)`,
    ...[...new Set(wrong)].slice(0, 5).map(w => `         ${w.replaceAll('\n', '\n         ')}`),
  ])
  const sizes = [...new Set(report.checked.flatMap(({ on }) => on))].slice(0, 5)
  return [
    `${report.op} (${report.rule})`,
    ...lines,
    ...(sizes.length > 0 ? [`  tried: ${sizes.join('; ')}`] : []),
  ].join('\n')
}
