/** A process that trains into a folder and says every update on its output, to be killed at any moment: kill.slow.test.ts. */
import { either as E } from 'fp-ts'
import { pipe, train } from 'sluice'
import { data, learner, optimizer } from './small-run.ts'

const options = { optimizer, clip: 1, accumulate: 2, every: 6, folder: process.argv[2]! }
const onStep = ({ iteration }: { readonly iteration: number }): void => void process.stdout.write(`${iteration}\n`)
const done = await pipe(learner(), train({ ...options, onStep })(data(120)))()
if (E.isLeft(done)) {
  process.stderr.write(`${done.left.message}\n`)
  process.exit(1)
}
process.exit(0)
