#!/usr/bin/env node
/**
 * The `sluice` command. Every subcommand is a door that says whether all is well. Here it is opened, and what comes out becomes an exit
 * code: 0 for yes, 1 for no, or for an error, whose message alone is shown; 2 for a command that was not understood, 130 after Ctrl-C.
 */
import { createRequire } from 'node:module'
import { runSafely, subcommands } from 'cmd-ts'
import { either as E } from 'fp-ts'
import type { Door } from '../lib/index.ts'
import { ablate } from './ablate.ts'
import { ask, profile } from './ask.ts'
import { check } from './check.ts'
import { doctor } from './doctor.ts'
import { describe, graph, wgsl } from './inspect.ts'
import { complain, listenForInterrupt, note, print } from './terminal.ts'
import { train } from './train.ts'
import { tuning } from './tune.ts'

const { version } = createRequire(import.meta.url)('sluice/package.json') as { readonly version: string }

const sluice = subcommands({
  name: 'sluice',
  version,
  description: 'Multimodal models as typed expressions, compiled to WGSL',
  cmds: { ask, train, ablate, describe, graph, wgsl, profile, doctor, tune: tuning, check },
  examples: [],
})

const exitCodeOf = async (door: Door<boolean>): Promise<number> => {
  const done = await door()
  if (E.isRight(done)) return done.right ? 0 : 1
  complain(done.left.message)
  return done.left.kind === 'interrupted' ? 130 : 1
}

listenForInterrupt()
const understood = await runSafely(sluice, process.argv.slice(2))
if (understood._tag === 'ok') process.exitCode = await exitCodeOf(understood.value.value)
else {
  const { message, exitCode } = understood.error.config
  if (exitCode === 0) print(message)
  else note(message)
  process.exitCode = exitCode === 0 ? 0 : 2
}
