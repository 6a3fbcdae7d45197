/** What the benches compute and print, without running them. */
import fc from 'fast-check'
import { parseHTML } from 'linkedom'
import { describe, expect, it } from 'vitest'
import { falls, figure, interleaved, median, ratio, type Sample } from '../../bench/measure.ts'
import { page, textOf, type Section } from '../../bench/report.ts'
import { allowed, roofline } from '../../bench/roofline.ts'

const times = fc.array(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 9 })

describe('statistics', () => {
  it('takes the middle of odd and of even numbers', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })
  it('has no more than half of the numbers below a median, and no more above', () => {
    fc.assert(
      fc.property(times, numbers => {
        const middle = median(numbers)
        expect(2 * numbers.filter(n => n < middle).length).toBeLessThanOrEqual(numbers.length)
        expect(2 * numbers.filter(n => n > middle).length).toBeLessThanOrEqual(numbers.length)
      }),
    )
  })
  it('has no side: the median of mirrored numbers is the mirrored median', () => {
    fc.assert(
      fc.property(times, numbers => {
        expect(median(numbers.map(n => -n))).toBe(-median(numbers))
      }),
    )
  })
  it('rounds between two neighbouring numbers to one of them', () => {
    const neighbours = [0.0010000000000000002, 0.001]
    expect(neighbours).toContain(median(neighbours))
  })
  it('compares within rounds: what slows a round down slows both', () => {
    fc.assert(
      fc.property(times, fc.double({ min: 0.1, max: 10, noNaN: true }), (base, factor) => {
        expect(
          ratio(
            base.map(t => factor * t),
            base,
          ),
        ).toBeCloseTo(factor, 6)
      }),
    )
    // a round that both lack is left out
    expect(ratio([2, 4, 100], [1, 2])).toBe(2)
  })
  it('lets tasks take turns', async () => {
    const order: string[] = []
    const task = (name: string) => async (): Promise<number> => order.push(name)
    expect(await interleaved([task('a'), task('b')], 2)).toEqual([
      [1, 3],
      [2, 4],
    ])
    expect(order.join('')).toBe('abab')
  })
  it('finds the larger size that takes least', () => {
    const of = (...list: readonly number[]): readonly Sample[] => list.map((time, i) => ({ size: i + 1, time }))
    expect(falls(of(1, 2, 3)).filter(f => f.ratio > 1)).toEqual([])
    expect(falls(of(1, 6, 5, 3, 4))[0]).toEqual({ size: 2, larger: 4, ratio: 2 })
    expect(falls(of(7))).toEqual([])
  })
  it('prints three figures', () => {
    expect([0.12345, 12.345, 1234.5, 7, 0.1].map(figure)).toEqual(['0.123', '12.3', '1235', '7', '0.1'])
  })
})

const section: Section = {
  title: 'Sums <small>',
  command: 'bench/sums.ts',
  says: ['Two & two.'],
  tables: [
    {
      caption: 'Times',
      head: ['op', 'ms'],
      rows: [
        ['add', '1.5'],
        ['multiply', '12'],
      ],
    },
  ],
}

describe('report', () => {
  it('prints tables as Markdown, with numbers flush right', () => {
    const lines = ['| op       |  ms |', '| -------- | --: |', '| add      | 1.5 |', '| multiply |  12 |']
    expect(textOf(section.tables[0]!)).toBe(['Times:', '', ...lines].join('\n'))
  })
  it('writes a page with everything in it, escaped', () => {
    const { document } = parseHTML(
      page({ adapter: 'a <b>' }, [section, { title: 'Told', command: 'x', text: '1 < 2' }]),
    )
    const texts = (selector: string) => [...document.querySelectorAll(selector)].map(e => e.textContent)
    expect(texts('h2')).toEqual(['Sums <small>', 'Told'])
    expect(texts('td.number')).toEqual(['1.5', '12'])
    expect(texts('pre')).toEqual(['1 < 2'])
    expect(texts('td')).toContain('a <b>')
  })
})

describe('roofline', () => {
  const roof = { gflops: 100, gigabytesPerSecond: 20 }
  it('allows what bytes allow, up to what arithmetic does', () => {
    expect([1, 5, 50].map(n => allowed(roof, n))).toEqual([20, 100, 100])
  })
  it('draws a point for every pass with operations', () => {
    const point = { part: 'tower', label: 'product', flops: 1e9, bytes: 1e7, milliseconds: 20 }
    const drawn = roofline([point, { ...point, label: 'sum', flops: 1e6 }, { ...point, flops: 0 }], [roof], 'a device')
    const { document } = parseHTML(`<html><body>${drawn}</body></html>`)
    expect(document.querySelectorAll('circle').length).toBe(2)
    expect(drawn).toContain('product: 33 %, 50 GFLOP/s')
    expect(drawn).toContain('a device')
    expect(drawn).not.toContain('NaN')
  })
})
