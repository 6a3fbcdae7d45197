import { constantIndex, op, type Dim, type Index } from '../lib/index.ts'
import { add } from './add.ts'
import { mul } from './mul.ts'

interface Attrs {
  readonly size: Dim
}
/** The op behind `iota`: it has no inputs, so that it is called twice, `iotaOp(5)()`. */
export const iotaOp: <const N extends Dim>(size: N) => () => Index<[N]> = op('iota', {
  args: (size: Dim): Attrs => ({ size }),
  kinds: '-> index',
  rule: {
    sentence: ({ size }: Attrs) => `-> ${size}`,
    infer: (_: unknown, { size }: Attrs) => [size],
    sample: () => [],
  },
  reference: (_, { shape: [n] }) => Array.from({ length: n! }, (_, i) => i),
  form: () => ({ form: 'each', value: (_, index) => index[0]! }),
  gradient: () => [],
  flops: () => 0,
  sampleAttrs: draw => ({ size: draw.size() }),
})

/** The indices 0, 1, … below a size, which may be named: `iota('text')`. */
export const iota = <const N extends Dim>(size: N): Index<[N]> => iotaOp(size)()

/** The indices start, start + step, … below stop (above it where the step is negative): whole numbers. */
export const arange = (start: number, stop: number, step = 1): Index<[number]> => {
  const count = Math.max(0, Math.ceil((stop - start) / step))
  const positions = iota<number>(count)
  const steps = step === 1 ? positions : mul(positions, constantIndex(step))
  return start === 0 ? steps : add(steps, constantIndex(start))
}
