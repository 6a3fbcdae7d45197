/**
 * Sluice among the peers (bench/peers): the five workloads as a user writes them. What a peer is given anew at every run is a state here:
 * written once, it stays on the device, and nothing about it is known when the program is compiled, so whatever the kernels want packed
 * or copied is packed and copied in `run`. Weights are parameters where the peers have constants; where they are trained (`mlpgrad`)
 * they are states too.
 */
import {
  compile,
  gradient,
  replace,
  sharedDevice,
  state,
  value,
  type Outputs,
  type Program,
  type Tensor,
  type Value,
} from 'sluice'
import { attention, conv2d, gelu, layerNorm, linear, matmul, mul, sum } from 'sluice/ops'
import { opened } from './measure.ts'
import { inputs, S, transpose2, type Workload } from './peers/lib/data.mjs'

export const info = { device: 'WebGPU (Dawn)', pkg: 'sluice', gelu: 'erf' }
export const init = async (): Promise<void> => {
  await opened(sharedDevice)
}

type Results = Readonly<Record<string, ArrayLike<number>>>
interface Live {
  readonly program: Program
  /** one complete execution; the results stay on the device */
  readonly run: () => Promise<void>
  readonly read: () => Promise<Results>
  readonly close: () => Promise<void>
}
interface Task {
  readonly outputs: Outputs
  readonly states: ReadonlyMap<string, Value>
  readonly weights?: ReadonlyMap<string, Value>
  readonly named: (values: Readonly<Record<string, Value>>) => Results
}

const live = async ({ outputs, states, weights, named }: Task): Promise<Live> => {
  const program = await opened(compile(outputs, weights === undefined ? {} : { weights }))
  for (const [name, numbers] of states) await opened(program.writeState(name, numbers))
  return {
    program,
    run: async () => {
      await opened(program.run({}, { read: [] }))
    },
    read: async () => named(await opened(program.run())),
    close: async () => program.dispose(),
  }
}
const only = (values: Readonly<Record<string, Value>>): Results => ({ y: Object.values(values)[0]!.data })

const { T, C, F, eps } = S.mlp
const mlp = (x: Tensor<[577, 1024]>): Tensor<[577, 1024]> => {
  const hidden = gelu(linear('fc1', F)(layerNorm('norm', { eps })(x)))
  return linear('fc2', C)(hidden)
}
/** The weights of the mlp under the names that its layers give them. */
const mlpWeights = (): ReadonlyMap<string, Value> => {
  const { g, be, w1, b1, w2, b2 } = inputs('mlp')
  return new Map([
    ['norm.weight', value([C], g!)],
    ['norm.bias', value([C], be!)],
    ['fc1.weight', value([F, C], transpose2(w1!, C, F))],
    ['fc1.bias', value([F], b1!)],
    ['fc2.weight', value([C, F], transpose2(w2!, F, C))],
    ['fc2.bias', value([C], b2!)],
  ])
}

const tasks: Readonly<Record<Workload, () => Task>> = {
  matmul: () => {
    const { M, K, N } = S.matmul
    const { a, b } = inputs('matmul')
    return {
      outputs: matmul(state('a', [M, K]), state('b', [K, N])),
      states: new Map([
        ['a', value([M, K], a!)],
        ['b', value([K, N], b!)],
      ]),
      named: only,
    }
  },
  attn: () => {
    const { H, T, D } = S.attn
    const { q, k, v } = inputs('attn')
    const shape = [H, T, D] as const
    return {
      outputs: attention()(state('q', shape), state('k', shape), state('v', shape)),
      states: new Map(Object.entries({ q: q!, k: k!, v: v! }).map(([name, data]) => [name, value(shape, data)])),
      named: only,
    }
  },
  dwconv: () => {
    const { C, H, W, R, pad } = S.dwconv
    const { x, w } = inputs('dwconv')
    const depthwise = conv2d('conv', { out: C, kernel: R, padding: pad, groups: C, bias: false })
    return {
      outputs: depthwise(state('x', [C, H, W])),
      states: new Map([['x', value([C, H, W], x!)]]),
      weights: new Map([['conv.weight', value([C, 1, R, R], w!)]]),
      named: only,
    }
  },
  mlp: () => ({
    outputs: mlp(state('x', [T, C])),
    states: new Map([['x', value([T, C], inputs('mlp').x!)]]),
    weights: mlpWeights(),
    named: only,
  }),
  mlpgrad: () => {
    const { x, G } = inputs('mlp')
    const weights = mlpWeights()
    const trained = new Map([...weights].map(([name, { shape }]) => [name, state(name, shape)]))
    const input = state('x', [T, C])
    const y = replace(
      v => v.node.role === 'parameter',
      (_, v) => trained.get(v.names[0]!)!,
    )(mlp(input))
    const loss = sum(0, 1)(mul(y, state('G', [T, C])))
    const names = ['x', ...trained.keys()]
    const gradients = gradient(loss, [input, ...trained.values()])
    return {
      outputs: { loss, ...Object.fromEntries(names.map((name, i) => [name, gradients[i]!])) },
      states: new Map([...weights, ['x', value([T, C], x!)], ['G', value([T, C], G!)]]),
      named: values => ({
        dx: values['x']!.data,
        dg: values['norm.weight']!.data,
        dbe: values['norm.bias']!.data,
        dw1: transpose2(values['fc1.weight']!.data as Float32Array, F, C),
        db1: values['fc1.bias']!.data,
        dw2: transpose2(values['fc2.weight']!.data as Float32Array, C, F),
        db2: values['fc2.bias']!.data,
      }),
    }
  },
}

export const workloads: Readonly<Record<Workload, () => Promise<Live>>> = {
  matmul: () => live(tasks.matmul()),
  attn: () => live(tasks.attn()),
  dwconv: () => live(tasks.dwconv()),
  mlp: () => live(tasks.mlp()),
  mlpgrad: () => live(tasks.mlpgrad()),
}
