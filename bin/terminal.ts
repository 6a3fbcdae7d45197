/**
 * What commands need of a terminal: progress on long work, which is shown to people only, and Ctrl-C as an AbortSignal. Results go to
 * standard output and everything else to standard error, so that a result can be piped on.
 */
import { SingleBar } from 'cli-progress'
import colours from 'picocolors'

const interrupt = new AbortController()
/** Fires at the first Ctrl-C. The second, or a long silence after the first, ends the process. */
export const signal: AbortSignal = interrupt.signal
const patience = 5000
export const listenForInterrupt = (): void => {
  process.on('SIGINT', () => {
    if (signal.aborted) process.exit(130)
    interrupt.abort()
    setTimeout(() => process.exit(130), patience).unref()
  })
}

export const print = (text: string): void => void process.stdout.write(`${text}\n`)
export const note = (text: string): void => void process.stderr.write(`${text}\n`)
// undefined where it is no terminal, as the types do not say: the library would then decide by the environment, and colour in CI
const { red } = colours.createColors(Boolean(process.stderr.isTTY))
/** An error: its message, and nothing else. */
export const complain = (message: string): void => note(red(message))

export interface Progress {
  /** so much is done, of how much; a bar appears at the first call */
  readonly at: (done: number, of: number, what: string) => void
  readonly stop: () => void
}
/** A bar on standard error; nothing where that is not a terminal. */
export const progress = (title: string): Progress => {
  if (!process.stderr.isTTY) return { at: () => undefined, stop: () => undefined }
  const format = `${title.padEnd(12)} {bar} {value}/{total}  {duration_formatted}  {what}`
  const bar = new SingleBar({ format, clearOnComplete: true, hideCursor: true, barsize: 24, gracefulExit: false })
  let running = false
  return {
    at: (done, of, what) => {
      if (!running) bar.start(of, done, { what })
      running = true
      bar.setTotal(of)
      bar.update(done, { what: what.slice(0, 40) })
    },
    stop: () => {
      if (running) bar.stop()
      running = false
    },
  }
}
