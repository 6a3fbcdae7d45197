/** What the build says of every mistake in negative.ts, and what TypeScript 7 says. (Of 6: negative-6.slow.test.ts.) */
import { describe, expect, it } from 'vitest'
import { testMessages } from './messages.ts'
import { builtOf, negatives } from './negative.ts'

describe('the build', () => {
  it.each(negatives)('$name', ({ build, mistake }) => {
    expect(builtOf(mistake)).toMatch(build ?? /^nothing$/)
  })
})
testMessages(7)
