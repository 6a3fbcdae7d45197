/** Vision goldens: every folder with a case.json is a case, and its `kind` says what it is. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { judged, Unsupported, type GoldenCase, type Verdict } from '../judge.ts'
import type { Machine } from '../machine.ts'
import { jsonOf } from './stages.ts'
import { fullCase } from './vision-full.ts'
import { clipCase, convNextCase, fusionCase, positionCase, roiCase } from './vision-graphs.ts'
import { boxesCase, preprocessCase } from './vision-host.ts'

export const casesIn = (folder: string, name: string): readonly GoldenCase[] =>
  existsSync(join(folder, 'case.json')) ? [{ area: 'vision', name, group: name, folder, within: [] }] : []

type Check = (folder: string, machine: Machine) => Promise<string | undefined>
const onHost =
  (check: (folder: string) => Promise<string | undefined>): Check =>
  async (folder, machine) => {
    if (machine.name === 'gpu') throw new Unsupported('runs on the host')
    return check(folder)
  }
const kinds: Readonly<Record<string, Check>> = {
  preprocess: onHost(preprocessCase),
  boxes: onHost(boxesCase),
  clip: clipCase,
  convnext: convNextCase,
  fusion: fusionCase,
  roi: roiCase,
  full: fullCase,
  'position-encoding': positionCase,
}

export const check = (cases: readonly GoldenCase[], machine: Machine): Promise<readonly Verdict[]> =>
  Promise.all(
    cases.map(({ folder }) =>
      judged(async () => {
        const { kind } = jsonOf<{ readonly kind: string }>(folder, 'case.json')
        const of = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined
        if (of === undefined) throw new Unsupported(`cases of the kind '${kind}' are not checked yet`)
        return of(folder, machine)
      }),
    ),
  )
