import { op, size, stridesOf } from '../lib/index.ts'
import { axisRule, sampleAxis, type AxisAttrs } from './along-axis.ts'
import { axisFromFront } from './axes.ts'
import type { Same } from './broadcast-types.ts'
import { flip } from './flip.ts'

const lanes = 8

/** The running sum along an axis, the element itself included. */
export const cumsum: (axis: number) => Same = op('cumsum', {
  args: (axis: number): AxisAttrs => ({ axis }),
  rule: axisRule,
  reference: ([x], { attrs, shape }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    const step = stridesOf(shape)[axis]!
    const out = Float64Array.from(x!.data)
    for (let i = 0; i < out.length; i++) if (Math.floor(i / step) % shape[axis]! > 0) out[i] = out[i]! + out[i - step]!
    return out
  },
  form: ({ attrs, shape }) => {
    const axis = axisFromFront(attrs.axis, shape.length)
    const [length, step] = [shape[axis]!, size.prod(shape.slice(axis + 1))]
    const rows = size.mul(size.prod(shape.slice(0, axis)), step)
    return {
      form: 'kernel',
      text: (_, sizeText) => ({
        // a lane runs along its row; rows stand side by side in memory where the axis is not the last
        code: `@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = i32(group.y * 32768u + group.x) * ${lanes} + i32(lane);
  if (row >= ${sizeText(rows)}) { return; }
  var at = row / ${sizeText(step)} * ${sizeText(length)} * ${sizeText(step)} + row % ${sizeText(step)};
  var total = 0.0;
  for (var i = 0; i < ${sizeText(length)}; i++) {
    total += x0[at];
    y[at] = total;
    at += ${sizeText(step)};
  }
}
`,
        grid: [size.floorDiv(size.add(rows, lanes - 1), lanes), 1, 1],
      }),
    }
  },
  gradient: (dy, { attrs: { axis } }) => [flip(axis)(cumsum(axis)(flip(axis)(dy)))],
  flops: (_, shape) => size.prod(shape),
  sampleAttrs: sampleAxis,
})
