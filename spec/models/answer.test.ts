/** MG-LLaVA with each of its language models, from folder to answer. answer.slow.test.ts asks all models everything. */
import { describe, expect, it } from 'vitest'
import { goldenCases } from '../golden/where.ts'
import { expectAnswers } from './whole-models.ts'

describe('MG-LLaVA answers', () => {
  const cases = goldenCases('mg-llava', 'mg-llava.json').filter(({ name }) => name.startsWith('conv-gate'))
  it('has goldens', () => expect(cases.length).toBeGreaterThan(0))
  for (const { name, folder } of cases) it(name, { timeout: 120_000 }, () => expectAnswers(folder, 1))
})
