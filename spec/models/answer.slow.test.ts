/** Every whole golden model, all its questions, from folder to answer. */
import { describe, expect, it } from 'vitest'
import { goldenCases } from '../golden/where.ts'
import { expectAnswers } from './whole-models.ts'

describe('whole models answer', () => {
  const cases = goldenCases('mg-llava', 'mg-llava.json')
  it('have goldens', () => expect(cases.length).toBeGreaterThan(0))
  for (const { name, folder } of cases) it(name, () => expectAnswers(folder))
})
