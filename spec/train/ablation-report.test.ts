/** What an ablation says of marks: shares, spread, differences question by question, and who does not look. */
import { describe, expect, it } from 'vitest'
import { ablationOf, ablationPage, ablationPlot, blindMarks, type Result } from '../../bin/ablation-report.ts'

const exam = [
  { question: 'a', answer: 'yes', family: 'exists' },
  { question: 'b', answer: 'no', family: 'exists' },
  { question: 'c', answer: '2', family: 'count' },
  { question: 'd', answer: '1', family: 'count' },
]
const training = [
  { question: '', answer: 'no', family: 'exists' },
  { question: '', answer: '1', family: 'count' },
  { question: '', answer: '2', family: 'count' },
  { question: '', answer: '2', family: 'count' },
]
const result = (variant: string, seed: number, marks: string, secondsPerStep: number | null = 2): Result => ({
  variant,
  seed,
  marks,
  trained: 1234,
  secondsPerStep,
})
const results = [
  result('base', 1, '1000'),
  result('base', 2, '1100'),
  result('more', 1, '1111', 4),
  result('more', 2, '1101', null),
]

describe('a report', () => {
  const found = ablationOf(exam, training, results)
  const [base, more] = found.variants
  it('has means over seeds, their spread, and families', () => {
    expect(base).toMatchObject({ right: 3 / 8, families: { exists: 3 / 4, count: 0 }, secondsPerStep: 2 })
    expect(base!.seeds.map(({ right }) => right)).toEqual([0.25, 0.5])
    expect(more).toMatchObject({ right: 7 / 8, families: { exists: 1, count: 3 / 4 }, secondsPerStep: 4 })
    expect(found.families).toEqual({ exists: 2, count: 2 })
  })
  it('compares with the first question by question', () => {
    // differences 0, 1/2, 1/2, 1: mean 1/2, variance 1/8
    const [difference, half] = more!.ahead!
    expect(difference).toBe(0.5)
    expect(half).toBeCloseTo(1.96 * Math.sqrt(1 / 8 / 4), 12)
    expect(base!.ahead).toBeUndefined()
  })
  it('knows who does not look', () => {
    expect(blindMarks(training, exam)).toBe('0110')
    expect(found.blind).toMatchObject({ right: 0.5, seeds: [] })
    expect(blindMarks([], exam)).toBe('0000')
  })
  it('is a table and a drawing', () => {
    const page = ablationPage(found)
    expect(page).toContain('| more | 87.5 | 75.0 to 100.0 |')
    expect(page).toContain('| +50.0 ± 34.6 | 1,234 | 4.00 |')
    expect(page).toContain('| blind | 50.0 |  | 15.0 to 85.0 |')
    const plot = ablationPlot(found)
    expect(plot.match(/<circle/g)).toHaveLength(4)
    expect(plot).not.toMatch(/NaN|undefined/)
  })
})
