/** What ops along one axis share: their rules, and how a value per row, or a parameter per column, is repeated. */
import { isRefusal, type Draw, type Loose, type Rule, type Shape } from '../lib/index.ts'
import { wrongAxis } from './axes.ts'
import { broadcastTo } from './broadcast-to.ts'
import { fromFront } from './reduction.ts'

export interface AxisAttrs {
  /** counted from the end where negative */
  readonly axis: number
}
/** The rule of an op that keeps the shape and works along one axis. */
export const axisRule: Rule<AxisAttrs> = {
  sentence: ({ axis }) => `...s -> ...s along axis ${axis}`,
  infer: (shapes, { axis }) => wrongAxis([axis], shapes[0] ?? []) ?? shapes[0]!,
  sample: (draw, { axis }) => {
    const rank = axis < 0 ? -axis : axis + 1
    return [Array.from({ length: rank + draw.int(0, 2) }, draw.size)]
  },
}
export const sampleAxis = (draw: Draw): AxisAttrs => ({ axis: draw.pick([-1, 0, 1, -2]) })

/** A value per row in every column again: undoes a reduction over the axis. */
export const spreadAlong = (shape: Shape, axis: number): ReturnType<typeof broadcastTo> =>
  broadcastTo(shape, fromFront([axis], shape.length))
/** x, and up to `parameters` more of one axis that is as long as the normalised one. */
export const normalisationRule = <A extends AxisAttrs>(parameters: number): Rule<A> => ({
  sentence: ({ axis }) => `...s, ${'d, '.repeat(parameters)}-> ...s with d along axis ${axis}`.replace(', ->', ' ->'),
  infer: ([x = [], ...more], attrs) => {
    const shape = axisRule.infer([x], attrs)
    if (isRefusal(shape)) return shape
    if (more.length > parameters)
      return {
        why: `takes at most ${parameters + 1} inputs, got ${more.length + 1}`,
        sizes: [parameters + 1, more.length + 1],
      }
    const width = x.at(attrs.axis)!
    const wrong = more.findIndex(p => p.length !== 1 || p[0] !== width)
    if (wrong < 0) return shape
    const found = more[wrong]!
    return {
      why:
        found.length === 1
          ? `axis ${attrs.axis} is ${width} in input 1 but input ${wrong + 2} has ${found[0]} numbers`
          : `input ${wrong + 2} should have one axis of ${width}, has ${found.length}`,
      inputs: [0, wrong + 1],
      axis: attrs.axis,
      sizes: found.length === 1 ? [width, found[0]!] : [1, found.length],
    }
  },
  sample: (draw, attrs) => {
    const [x] = axisRule.sample(draw, attrs) as [number[]]
    return [x, ...Array.from({ length: parameters }, () => [x.at(attrs.axis)!])]
  },
})
/** A parameter of one axis, repeated over all others. */
export const parameterAlong = (shape: Shape, axis: number): ((p: Loose) => Loose) => {
  const [at] = fromFront([axis], shape.length) as [number]
  return p =>
    broadcastTo(
      shape,
      shape.map((_, k) => k).filter(k => k !== at),
    )(p) as Loose
}
