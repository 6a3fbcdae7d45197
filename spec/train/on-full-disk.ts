/**
 * A process that trains on a small disk and fills it in the middle of a run, but for so many pages, more from run to run, until all fits.
 * What it tells, as JSON, is judged by full-disk.slow.test.ts.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { either as E } from 'fp-ts'
import { pipe, train, type FileError, type TrainReport } from 'sluice'
import { data, learner, optimizer, right } from './small-run.ts'

/** What became of a run for which so many bytes were left. */
export interface Told {
  readonly room: number
  /** undefined where it ended well */
  readonly error: FileError | undefined
  readonly names: readonly string[]
  /** that its checkpoint is, byte for byte, the one before the disk was full */
  readonly kept: boolean
  /** the first batch after there was room again */
  readonly next: number | undefined
  /** that in the end its files are those of a run that always had room */
  readonly same: boolean
}
const [disk = ''] = process.argv.slice(2)
const page = 4096
const options = { optimizer, clip: 1, accumulate: 2, every: 6 }
const checkpoint = (folder: string): Buffer => readFileSync(join(folder, 'checkpoint.safetensors'))
const log = (folder: string): string => readFileSync(join(folder, 'log.jsonl'), 'utf8')

const zeros = join(disk, 'zeros')
/** Takes all the room that there is, then gives so many bytes of it back. */
const fill = (room: number): void => {
  const file = openSync(zeros, 'w')
  let size = 0
  try {
    for (;;) size += writeSync(file, new Uint8Array(page))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
  ftruncateSync(file, Math.max(0, size - room))
  closeSync(file)
}
const run = (folder: string, onStep: (report: TrainReport) => void) =>
  pipe(learner(), train({ ...options, folder, onStep })(data(40)))

const whole = join(disk, 'whole')
await right(run(whole, () => undefined))
const told: Told[] = []
for (let room = 0; room < 64 * page && (room === 0 || told.at(-1)?.error !== undefined); room += page) {
  const folder = join(disk, `run-${room}`)
  let before: Buffer | undefined
  // batches 24 to 29 have been learned from, and are about to be kept
  const ended = await run(folder, ({ iteration }) => {
    if (iteration !== 29) return
    before = checkpoint(folder)
    fill(room)
  })()
  const names = readdirSync(folder).sort()
  const kept = before!.equals(checkpoint(folder))
  rmSync(zeros)
  const steps: number[] = []
  await right(run(folder, ({ iteration }) => void steps.push(iteration)))
  const same = checkpoint(folder).equals(checkpoint(whole)) && log(folder) === log(whole)
  const error = E.isLeft(ended) ? (ended.left as FileError) : undefined
  told.push({ room, error, names, kept, next: steps[0], same })
  rmSync(folder, { recursive: true })
}
process.stdout.write(JSON.stringify(told))
process.exit(0)
