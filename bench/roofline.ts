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
      const name = share > 0.12 ? p.label : ''
      return { ...p, intensity: p.flops / p.bytes, reached: p.flops / p.milliseconds / 1e6, share, name }
    })
  const parts = [...new Set(points.map(p => p.part))]
  const [left, right] = [0.05, 1000]
  const lineOf = (r: Roof): readonly { readonly intensity: number; readonly reached: number }[] =>
    [left, r.gflops / r.gigabytesPerSecond, right].map(intensity => ({ intensity, reached: allowed(r, intensity) }))
  const { document } = parseHTML('<html></html>')
  const chart = Plot.plot({
    document,
    width: 860,
    height: 460,
    marginLeft: 60,
    marginRight: 30,
    style: { background: 'white', color: 'black', fontSize: '12px' },
    x: { type: 'log', label: 'operations for a byte of operands and result', grid: true, domain: [left, right] },
    y: { type: 'log', label: 'GFLOP/s', grid: true, domain: [0.1, 1.6 * roof.gflops] },
    r: { range: [0, 18], domain: [0, 1] },
    color: { type: 'categorical', domain: parts },
    marks: [
      Plot.line(lineOf(roof), { x: 'intensity', y: 'reached', stroke: '#888', strokeWidth: 2 }),
      ...lower.map(r => Plot.line(lineOf(r), { x: 'intensity', y: 'reached', stroke: '#888', strokeDasharray: '4 4' })),
      Plot.dot(dots, { x: 'intensity', y: 'reached', r: 'share', fill: 'part', fillOpacity: 0.65, stroke: 'part' }),
      Plot.text(dots, { x: 'intensity', y: 'reached', text: 'name', dy: -16, fontSize: 10 }),
      Plot.text([{ intensity: left, reached: 1.3 * roof.gflops }], {
        x: 'intensity',
        y: 'reached',
        text: () => title,
        textAnchor: 'start',
        fontWeight: 'bold',
      }),
      ...parts.map((part, i) =>
        Plot.text([part], {
          frameAnchor: 'bottom-right',
          dx: -10,
          dy: -10 - 15 * i,
          text: () => `● ${part}`,
          fill: () => part,
        }),
      ),
    ],
  })
  chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return chart.outerHTML
}
