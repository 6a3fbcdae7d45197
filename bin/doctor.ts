/** `sluice doctor`: what this machine offers, in words or as JSON. */
import { command, flag } from 'cmd-ts'
import { taskEither as TE } from 'fp-ts'
import { doctor as examine, formatDoctor, type DoctorReport } from '../lib/node/doctor.ts'
import { print } from './terminal.ts'

export const doctor = command({
  name: 'doctor',
  description: 'Which adapter is used and why, what it offers, and how fast it is when measured',
  args: { json: flag({ long: 'json', description: 'as JSON' }) },
  examples: [
    { description: 'What was found', command: 'sluice doctor' },
    { description: "Another driver than Sluice's choice", command: 'SLUICE_ADAPTER=swiftshader sluice doctor' },
  ],
  handler: ({ json }) => {
    const show = (report: DoctorReport): boolean => {
      print(json ? JSON.stringify(report, undefined, 2) : formatDoctor(report))
      return true
    }
    return TE.map(show)(examine)
  },
})
