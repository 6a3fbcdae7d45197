/** `sluice check [op]`: what the kit finds about one op, or about all of them. */
import { command, number, optional, option, positional, type Type } from 'cmd-ts'
import { either as E } from 'fp-ts'
import { checkOp, interrupted, run, seededDraw, sharedDevice, showReport, type Door, type Op } from '../lib/index.ts'
import { ops } from '../ops/index.ts'
import { note, print, progress, signal } from './terminal.ts'

const opType: Type<string, Op> = {
  displayName: 'op',
  from: async name => {
    const found = ops.find(op => op.name === name)
    if (found !== undefined) return found
    const alike = ops.map(op => op.name).filter(other => other.toLowerCase().startsWith(name.slice(0, 2).toLowerCase()))
    throw new Error(`there is no op '${name}'${alike.length > 0 ? `; there are ${alike.join(', ')}` : ''}`)
  },
}

interface Args {
  readonly op: Op | undefined
  readonly seed: number
  readonly instances: number
}

/** Left: interrupted. Right: is all well? */
const checkAll =
  ({ op, seed, instances }: Args): Door<boolean> =>
  async () => {
    const device = await sharedDevice()
    if (E.isLeft(device)) note(`WGSL is not compared: ${device.left.message}`)
    const list = op === undefined ? ops : [op]
    const options = { instances, ...(E.isRight(device) ? { run } : {}) }
    const bar = progress('checking')
    const wrong: string[] = []
    for (const [i, one] of list.entries()) {
      if (signal.aborted) break
      bar.at(i, list.length, one.name)
      const report = await checkOp(one, { draw: seededDraw(seed), ...options })
      if (!report.ok) wrong.push(one.name)
      if (!report.ok || op !== undefined) print(showReport(report))
    }
    bar.stop()
    if (signal.aborted) return E.left(interrupted('checking'))
    if (op === undefined)
      print(`${list.length - wrong.length} ops passed, ${wrong.length} failed${wrong.map(name => ` ${name}`).join()}`)
    return E.right(wrong.length === 0)
  }

export const check = command({
  name: 'check',
  description:
    'Run one op, or all, through the kit: shapes, WGSL against the reference, gradient, laws, refusals, edges',
  args: {
    op: positional({ type: optional(opType), displayName: 'op', description: 'all ops unless given' }),
    seed: option({ long: 'seed', type: number, defaultValue: () => 1, description: 'of the instances' }),
    instances: option({ long: 'instances', type: number, defaultValue: () => 10, description: 'per check' }),
  },
  examples: [
    { description: 'Everything about one op', command: 'sluice check softmax' },
    { description: 'All ops, with other instances than usual', command: 'sluice check --seed 7' },
  ],
  handler: checkAll,
})
