/**
 * A roofline (Williams, Waterman & Patterson, 2009): what every pass reaches beside what the device allows at that many operations a
 * byte: arithmetic alone is the flat part of the roof, moving bytes its slope.
 */
import { parseHTML } from 'linkedom'
import * as Plot from '@observablehq/plot'

export interface Point {
  readonly part: string
  readonly label: string
  readonly flops: number
  readonly bytes: number
  readonly milliseconds: number
}
export interface Roof {
  readonly gflops: number
  readonly gigabytesPerSecond: number
}

/** GFLOP/s that a roof allows at so many operations a byte. */
export const allowed = ({ gflops, gigabytesPerSecond }: Roof, intensity: number): number =>
  Math.min(gflops, gigabytesPerSecond * intensity)

/** So many points have a number, and a line in the key. */
const most = 8
const number = (n: number): string => `${Number(n.toPrecision(2))}`

/** SVG. The area of a point is its share of the time of its part; points without operations have no place in it. Lower roofs are dashed. */
export const roofline = (
  points: readonly Point[],
  [roof, ...lower]: readonly [Roof, ...Roof[]],
  title: string,
): string => {
  const dots = points
    .filter(p => p.flops > 0 && p.bytes > 0 && p.milliseconds > 0)
    .map(p => {
      const whole = points.filter(q => q.part === p.part).reduce((sum, q) => sum + q.milliseconds, 0)
      const share = p.milliseconds / whole
      return { ...p, intensity: p.flops / p.bytes, reached: p.flops / p.milliseconds / 1e6, share }
    })
    .sort((a, b) => b.share - a.share)
  const key = dots.slice(0, most).map((dot, i) => ({ ...dot, rank: `${i + 1}` }))
  const lines = key.map(({ rank, part, label, share, reached }) => {
    const text = `${rank}  ${label}: ${(100 * share).toFixed(0)} %, ${number(reached)} GFLOP/s`
    return { part, text }
  })
  const parts = [...new Set(points.map(p => p.part))]
  const [left, right] = [0.1, 1000]
  const lineOf = (r: Roof): readonly { readonly intensity: number; readonly reached: number }[] =>
    [left, r.gflops / r.gigabytesPerSecond, right].map(intensity => ({ intensity, reached: allowed(r, intensity) }))
  const { document } = parseHTML('<html></html>')
  const chart = Plot.plot({
    document,
    width: 860,
    height: 520,
    marginLeft: 60,
    marginRight: 30,
    style: { background: 'white', color: 'black', fontSize: '12px' },
    x: {
      type: 'log',
      label: 'operations for a byte of operands and result',
      grid: true,
      domain: [left, right],
      tickFormat: number,
    },
    y: { type: 'log', label: 'GFLOP/s', grid: true, domain: [0.1, 1.6 * roof.gflops], tickFormat: number },
    r: { range: [2, 18], domain: [0, 1] },
    color: { type: 'categorical', domain: parts },
    marks: [
      Plot.line(lineOf(roof), { x: 'intensity', y: 'reached', stroke: '#888', strokeWidth: 2 }),
      ...lower.map(r => Plot.line(lineOf(r), { x: 'intensity', y: 'reached', stroke: '#888', strokeDasharray: '4 4' })),
      Plot.dot(dots, { x: 'intensity', y: 'reached', r: 'share', fill: 'part', fillOpacity: 0.65, stroke: 'part' }),
      Plot.text(key, { x: 'intensity', y: 'reached', text: 'rank', fontSize: 10, fontWeight: 'bold' }),
      Plot.text([{ intensity: left, reached: 1.3 * roof.gflops }], {
        x: 'intensity',
        y: 'reached',
        text: () => title,
        textAnchor: 'start',
        fontWeight: 'bold',
      }),
      ...[...lines, ...parts.map(part => ({ part, text: `● ${part}` }))].map(({ part, text }, i) =>
        Plot.text([part], {
          frameAnchor: 'bottom-right',
          dx: -330,
          dy: -14 * (most + parts.length - i),
          textAnchor: 'start',
          text: () => text,
          fill: () => part,
        }),
      ),
    ],
  })
  chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return chart.outerHTML
}
