/**
 * The golden cases as a command: `npm run test:golden -- [--area NAME] [--only NAME] [--cpu] [--gpu] [--jobs N]`. Runs every
 * case under the folders of SLUICE_GOLDEN (those of spec/golden unless set), on the float64 references and on a device.
 * Prints each failing case with the first stage that diverges and the worst difference, lists by name what is not
 * supported, and ends with one line of counts.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { checkGroup, findCases, inGroups } from './find.ts'
import { areas, failed, type GoldenCase, type Verdict } from './judge.ts'
import { openMachine, type MachineName } from './machine.ts'

const usage = `Usage: npm run test:golden -- [options]
  --area NAME   only these areas (${areas.join(', ')}); may be repeated
  --only NAME   only cases with this in their name: a case, a folder, an op; may be repeated
  --cpu, --gpu  only on the float64 references, or only on a device
  --jobs N      processes at a time (${availableParallelism()} here)
SLUICE_GOLDEN names the folders with the cases, separated by '${delimiter}'. Unless set: those of spec/golden.`

interface Task {
  readonly machine: MachineName
  readonly cases: readonly GoldenCase[]
}

/** NAME as whole parts of the name of a case. */
const matches = (name: string, wanted: string): boolean =>
  `/${name}/`.includes(`/${wanted.replaceAll(/^\/|\/$/g, '')}/`)

// ---- processes -----------------------------------------------------------------------------------------------------
const work = async (): Promise<void> => {
  const machines = new Map<MachineName, ReturnType<typeof openMachine>>()
  const machineOf = (name: MachineName): ReturnType<typeof openMachine> => {
    const known = machines.get(name) ?? openMachine(name)
    machines.set(name, known)
    return known
  }
  process.on('message', (task: Task) => {
    const answer = async (): Promise<readonly Verdict[] | string> => {
      const machine = await machineOf(task.machine)
      if (typeof machine === 'string') return machine
      return task.cases.length === 0 ? [] : checkGroup(task.cases, machine)
    }
    answer().then(
      verdicts => process.send!(verdicts),
      (error: Error) => process.send!(error.message),
    )
  })
  process.on('disconnect', () => process.exit(0))
}

/** Gives the tasks to so many processes. A process that dies fails its task and is replaced. */
const share = async (
  tasks: readonly Task[],
  jobs: number,
  done: (task: Task, verdicts: readonly Verdict[]) => void,
): Promise<void> => {
  const waiting = [...tasks]
  const lane = async (): Promise<void> => {
    let child: ChildProcess | undefined
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      child ??= startWorker()
      const answer = await ask(child, task)
      if (!child.connected) child = undefined
      done(task, typeof answer === 'string' ? task.cases.map(() => failed(answer)) : answer)
    }
    child?.disconnect()
  }
  await Promise.all(Array.from({ length: Math.min(jobs, tasks.length) }, lane))
}
const startWorker = (): ChildProcess =>
  fork(fileURLToPath(import.meta.url), ['--worker'], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
/** The verdicts, or what went wrong with the whole task. */
const ask = (child: ChildProcess, task: Task): Promise<readonly Verdict[] | string> =>
  new Promise(resolve => {
    let said = ''
    const listen = (chunk: Buffer): void => void (said = (said + chunk.toString()).slice(-2000))
    const finish = (answer: readonly Verdict[] | string): void => {
      child.off('message', receive).off('exit', gone)
      child.stderr?.off('data', listen)
      resolve(answer)
    }
    const receive = (answer: unknown): void => finish(answer as readonly Verdict[] | string)
    const gone = (code: number | null, signal: string | null): void =>
      finish(`the process ended (${signal ?? `exit code ${code}`})${said === '' ? '' : `: ${said.trim()}`}`)
    child.stderr?.on('data', listen)
    child.on('message', receive).on('exit', gone)
    child.send(task)
  })

// ---- the command ---------------------------------------------------------------------------------------------------
const showProgress = (text: string): void => {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`)
}
const print = (text: string): void => {
  showProgress('')
  console.log(text)
}

const command = async (): Promise<number> => {
  const { values: options } = parseArgs({
    options: {
      area: { type: 'string', multiple: true },
      only: { type: 'string', multiple: true },
      cpu: { type: 'boolean', default: false },
      gpu: { type: 'boolean', default: false },
      jobs: { type: 'string', default: `${availableParallelism()}` },
      help: { type: 'boolean', default: false },
    },
  })
  if (options.help) {
    console.log(usage)
    return 0
  }
  const unknown = options.area?.find(area => !(areas as readonly string[]).includes(area))
  if (unknown !== undefined) throw new Error(`no area is called '${unknown}'\n${usage}`)
  const roots = process.env.SLUICE_GOLDEN?.split(delimiter).filter(root => root !== '') ?? []
  const all = findCases(roots.length > 0 ? roots : [fileURLToPath(new URL('.', import.meta.url))])
  const cases = all.filter(
    ({ area, name }) =>
      (options.area?.includes(area) ?? true) && (options.only?.some(wanted => matches(name, wanted)) ?? true),
  )
  const wanted: MachineName[] = options.cpu === options.gpu ? ['cpu', 'gpu'] : options.cpu ? ['cpu'] : ['gpu']
  const { machines, missing } = await present(wanted)
  if (missing !== undefined) print(`no device: ${missing}`)
  const groups = inGroups(cases)
  const tasks = machines.flatMap(machine => groups.map(group => ({ machine, cases: group })))
  const verdicts = new Map<string, { readonly machine: MachineName; readonly verdict: Verdict }[]>()
  let finished = 0
  await share(tasks, Math.max(1, Number(options.jobs) || 1), ({ machine, cases: group }, given) => {
    group.forEach((one, k) => {
      const verdict = given[k]!
      verdicts.set(one.name, [...(verdicts.get(one.name) ?? []), { machine, verdict }])
      if (verdict.verdict === 'failed') print(`FAILED ${one.name} (${machine}) ${verdict.why}`)
    })
    finished += group.length
    showProgress(`${finished} of ${cases.length * machines.length}, ${group[0]!.group} (${machine})`)
  })
  return report(cases, verdicts, missing !== undefined && machines.length === 0)
}

/** The machines that are there, and why one is not: a process of its own opens them. */
const present = async (wanted: readonly MachineName[]): Promise<{ machines: MachineName[]; missing?: string }> => {
  const child = startWorker()
  const machines: MachineName[] = []
  let missing: string | undefined
  for (const machine of wanted) {
    const answer = await ask(child, { machine, cases: [] })
    if (typeof answer === 'string') missing = answer
    else machines.push(machine)
  }
  child.disconnect()
  return missing === undefined ? { machines } : { machines, missing }
}

const report = (
  cases: readonly GoldenCase[],
  verdicts: ReadonlyMap<string, readonly { readonly verdict: Verdict }[]>,
  nothing: boolean,
): number => {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const reasons = new Map<string, string[]>()
  for (const { name } of cases) {
    const of = (verdicts.get(name) ?? []).map(({ verdict }) => verdict)
    const worst = ['failed', 'passed', 'skipped'].find(kind => of.some(({ verdict }) => verdict === kind)) ?? 'skipped'
    counts[worst as keyof typeof counts]++
    const why = of.flatMap(one => (one.verdict === 'skipped' ? [one.why] : []))[0]
    if (worst === 'skipped') reasons.set(why ?? 'not run', [...(reasons.get(why ?? 'not run') ?? []), name])
  }
  for (const [why, names] of reasons) print(`not supported (${why}):\n${names.map(name => `  ${name}`).join('\n')}`)
  print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  return counts.failed > 0 || nothing ? 1 : 0
}

if (process.argv.includes('--worker')) await work()
else
  try {
    process.exitCode = await command()
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
