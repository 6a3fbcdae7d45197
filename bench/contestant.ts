/** A contestant: a process of its own that says in a line of JSON when it is ready, and takes its turn whenever it is sent a line. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Contestant<Ready, Turn> {
  readonly ready: Promise<Ready>
  readonly turn: () => Promise<Turn>
  readonly end: () => void
}
/** Starts `command`; `missing` is what to do where it ends before it has answered. */
export const contestant = <Ready, Turn>(
  command: readonly [program: string, ...parameters: string[]],
  missing: string,
): Contestant<Ready, Turn> => {
  const [program, ...parameters] = command
  const child = spawn(program, parameters, { stdio: ['pipe', 'pipe', 'inherit'] })
  const unstarted = new Promise<never>((_, reject) => child.on('error', reject))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const { value, done } = await Promise.race([lines.next(), unstarted])
    if (done === true) throw new Error(`${program} ended without an answer: ${missing}`)
    return JSON.parse(value as string)
  }
  return {
    ready: next() as Promise<Ready>,
    turn: () => {
      child.stdin.write('\n')
      return next() as Promise<Turn>
    },
    end: () => child.stdin.end(),
  }
}
/** A Python that has torch. */
export const python = process.env.SLUICE_PYTHON ?? 'python3'
export const noTorch = 'name a python that has PyTorch in SLUICE_PYTHON'
