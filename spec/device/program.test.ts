/** Programs on a real adapter: results, memory, counters, and every way to fail. The programs are written by hand (by-hand.ts). */
import { platform } from '#platform'
import { either as E, taskEither as TE } from 'fp-ts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Lowered } from '../../lib/compile/pass.ts'
import { interrupted, type Door } from '../../lib/errors.ts'
import { value, type Value } from '../../lib/graph/index.ts'
import { shortageOf, type Device } from '../../lib/device/device.ts'
import { formatProfile } from '../../lib/device/profile.ts'
import { load, type LoadOptions } from '../../lib/device/load.ts'
import type { Program } from '../../lib/device/program.ts'
import { openDevice } from '../../lib/device/run.ts'
import type { WeightSource } from '../../lib/device/upload.ts'
import { affine, chain, inputSource, paramSource, programme, stateSource, sum } from './by-hand.ts'

const right = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isLeft(result)) throw new Error(`${result.left.kind}: ${result.left.message}`)
  return result.right
}
const left = async <A>(door: Door<A>) => {
  const result = await door()
  if (E.isRight(result)) throw new Error('expected an error')
  return result.left
}
const noWeights: WeightSource = new Map<string, Value>()
const initial = { allowInitial: true }
const floats = (v: Value | undefined): number[] => Array.from(v!.data)

let device: Device
beforeAll(async () => {
  device = await right(openDevice())
})
afterAll(() => device.dispose())

const loaded = (lowered: Lowered, weights = noWeights, options: LoadOptions = initial): Promise<Program> =>
  right(load(lowered, device, weights, options))
/** Runs `use` with a program and frees it. */
const using = async (
  lowered: Lowered,
  use: (program: Program) => Promise<void>,
  weights = noWeights,
): Promise<void> => {
  const program = await loaded(lowered, weights)
  try {
    await use(program)
  } finally {
    program.dispose()
  }
}

/** The device, doing something more right after each submit. */
const afterSubmit = (of: Device, then: () => void): Device => ({
  ...of,
  submit: (...commands) => {
    of.submit(...commands)
    then()
  },
})

describe('running', () => {
  it('computes a chain of fifty passes in one submit and in the memory of two', () =>
    using(chain(50), async program => {
      const n = 1000
      const x = Float32Array.from({ length: n }, (_, i) => i)
      await right(program.run({ x }))
      const before = device.counters()
      const { y } = await right(program.run({ x }))
      expect(y).toMatchObject({ kind: 'float', shape: [n] })
      for (const [i, found] of floats(y).entries()) expect(found).toBeCloseTo(2 + (i - 2) / 2 ** 50, 5)
      expect(device.counters().submits - before.submits).toBe(1)
      const held = device.counters().bytes
      expect(held).toBeLessThan(6 * 4096 + 52 * 256)
    }))

  it('hands a long run to a GPU in a few submits, so that it computes while the host goes on', async () => {
    const gpu = await right(openDevice({ profile: { tuning: 'gpu', imageRows: 0 } }))
    const program = await right(load(chain(50), gpu, noWeights, initial))
    const x = Float32Array.from({ length: 1000 }, (_, i) => i)
    const before = gpu.counters()
    const { y } = await right(program.run({ x }))
    expect(gpu.counters().submits - before.submits).toBe(3)
    for (const [i, found] of floats(y).entries()) expect(found).toBeCloseTo(2 + (i - 2) / 2 ** 50, 5)
    gpu.dispose()
  })

  it('makes no pipeline for other sizes, empty ones included, and gives the right numbers for each', () =>
    using(chain(3), async program => {
      await right(program.run({ x: [1] }))
      const { pipelines } = device.counters()
      for (const n of [2, 65, 0, 64, 1000, 3, 1]) {
        const { y } = await right(program.run({ x: value([n], new Float32Array(n).fill(10)) }))
        expect(floats(y)).toEqual(Array<number>(n).fill(3))
      }
      expect(device.counters().pipelines).toBe(pipelines)
    }))

  it('shares a pipeline between passes, and between programs', async () => {
    const before = device.counters().pipelines
    const lowered = () => {
      const { buffer, pass, lowered } = programme()
      const x = inputSource('x', ['n'])
      const [a, b, c] = [buffer('x', 'n', { what: 'input', source: x }), buffer('b', 'n'), buffer('c', 'n')]
      pass(affine(3, 0.25), [a], b)
      pass(affine(3, 0.25), [b], c)
      return lowered({ y: [x, c] })
    }
    for (const _ of [1, 2])
      await using(lowered(), async program => {
        expect(program.kernels).toBe(1)
        expect(floats((await right(program.run({ x: [1] }))).y)).toEqual([10])
      })
    expect(device.counters().pipelines).toBe(before + 1)
  })

  it('runs 200 times, and with 200 different sizes, without growing', () =>
    using(chain(8), async program => {
      const x = new Float32Array(4096).fill(1)
      const round = async (): Promise<void> => {
        for (let i = 0; i < 100; i++) await right(program.run({ x }))
        for (let i = 0; i < 100; i++) await right(program.run({ x: x.subarray(0, 4000 - i) }))
      }
      await round()
      const held = device.counters()
      const rss = process.memoryUsage.rss()
      await round()
      const { buffers, bytes } = device.counters()
      expect({ buffers, bytes }).toEqual({ buffers: held.buffers, bytes: held.bytes })
      expect(process.memoryUsage.rss() - rss).toBeLessThan(32 * 2 ** 20)
    }))

  it('reads back only what is asked for, and computes only what that needs', () => {
    const { buffer, pass, lowered } = programme()
    const x = inputSource('x', ['n'])
    const [a, b, c] = [buffer('x', 'n', { what: 'input', source: x }), buffer('b', 'n'), buffer('c', 'n')]
    pass(affine(2, 0), [a], b)
    pass(affine(0, 7), [a], c)
    return using(lowered({ x: [x, a], b: [x, b], again: [x, b], c: [x, c] }), async program => {
      const all = await right(program.run({ x: [1, 2] }))
      expect(Object.keys(all)).toEqual(['x', 'b', 'again', 'c'])
      expect([all.x, all.b, all.again, all.c].map(floats)).toEqual([
        [1, 2],
        [2, 4],
        [2, 4],
        [7, 7],
      ])
      const some = await right(program.run({ x: [5] }, { only: ['b'] }))
      expect(Object.entries(some).map(([k, v]) => [k, floats(v)])).toEqual([['b', [10]]])
      expect(await right(program.run({ x: [5] }, { only: [] }))).toEqual({})
      expect(await left(program.run({ x: [5] }, { only: ['d'] }))).toMatchObject({ kind: 'feed', name: 'd' })
    })
  })

  it('computes what it does not read back', () => {
    const { buffer, pass, lowered } = programme()
    const x = inputSource('x', ['n'])
    const [a, b, c] = [buffer('x', 'n', { what: 'input', source: x }), buffer('b', 'n'), buffer('c', 'n')]
    pass(affine(2, 0), [a], b)
    pass(affine(0, 7), [a], c)
    return using(lowered({ b: [x, b], c: [x, c] }), async program => {
      const dispatches = vi.spyOn(GPUComputePassEncoder.prototype, 'dispatchWorkgroups')
      const { readBack } = device.counters()
      expect(await right(program.run({ x: [5] }, { read: [] }))).toEqual({})
      expect(dispatches.mock.calls.length).toBe(2)
      expect(device.counters().readBack).toBe(readBack)
      expect(Object.keys(await right(program.run({ x: [5] }, { only: [], read: ['c'] })))).toEqual(['c'])
      expect(dispatches.mock.calls.length).toBe(3)
      expect(await left(program.run({ x: [5] }, { read: ['d'] }))).toMatchObject({ kind: 'feed', name: 'd' })
      dispatches.mockRestore()
    })
  })

  it('takes whole numbers and halves', () => {
    const { buffer, pass, lowered } = programme()
    const x = inputSource('x', ['n'])
    const ids = { ...inputSource('ids', ['n']), kind: 'index' as const }
    const i = buffer('ids', 'n', { what: 'input', source: ids }, 'i32', 'index')
    const h = buffer('half', 'n', { what: 'input', source: x }, 'f16')
    const j = buffer('next', 'n', { what: 'work' }, 'i32', 'index')
    const increment = affine(1, 1).replaceAll('f32', 'i32').replace('1.000000 * x[i] + 1.000000', 'x[i] + 1')
    pass(increment, [i], j)
    return using(lowered({ next: [ids, j], half: [x, h] }), async program => {
      const { next, half } = await right(program.run({ ids: [2 ** 24 + 1, -5, 0], x: [0.1, 65504, 1e-7] }))
      expect(next).toEqual({ kind: 'index', shape: [3], data: Int32Array.of(2 ** 24 + 2, -4, 1) })
      expect(half!.data).toEqual(Float32Array.of(0.0999755859375, 65504, 2 ** -23))
    })
  })
})

describe('overlapping runs', () => {
  /** Fifty passes over so many numbers that nobody could be answered before the next call: tens of milliseconds. */
  const long = new Float32Array(2 ** 19).fill(4)
  /** the state, before x is added to it */
  const adding = () => {
    const { buffer, pass, lowered } = programme()
    const x = inputSource('x', [1])
    const given = buffer('x', 1, { what: 'input', source: x })
    const so = buffer('so far', 1, { what: 'state', source: stateSource('so far', [1]) })
    const y = buffer('y', 1)
    pass(sum, [so, given], y)
    return lowered({ 'so far': [x, so] }, [{ state: so, from: y }])
  }
  const one = (x: number): Value => value([1], [x])

  it('are answered in the order of the calls, each with its own, whatever their sizes are', () =>
    using(chain(2), async program => {
      const sizes = [1, 2, 3, 4, 1000, 5, 0, 6]
      const ended: number[] = []
      const run = (n: number): Promise<number[]> =>
        right(program.run({ x: new Float32Array(n).fill(4 * n) })).then(({ y }) => (ended.push(n), floats(y)))
      expect(await Promise.all(sizes.map(run))).toEqual(sizes.map(n => Array<number>(n).fill(n + 1.5)))
      expect(ended).toEqual(sizes)
    }))

  it('are handed over before what the last gives has arrived, one at a time', async () => {
    const events: string[] = []
    const watched = afterSubmit(device, () => events.push('handed over'))
    const program = await right(load(chain(50), watched, noWeights, initial))
    await right(program.run({ x: long }))
    const { mapAsync } = GPUBuffer.prototype
    const mapped = vi.spyOn(GPUBuffer.prototype, 'mapAsync').mockImplementation(async function (this: GPUBuffer, mode) {
      await mapAsync.call(this, mode)
      events.push('arrived')
      return undefined
    })
    events.length = 0
    await Promise.all([1, 2, 3].map(() => right(program.run({ x: long }))))
    mapped.mockRestore()
    program.dispose()
    expect(events).toEqual(['handed over', 'handed over', 'arrived', 'handed over', 'arrived', 'arrived'])
  })

  it('advance states one after the other, as what reads and writes these does', () =>
    using(adding(), async program => {
      const plus = (x: number): Promise<number> =>
        right(program.run({ x: [x] })).then(values => floats(values['so far'])[0]!)
      const read = (): Promise<number> => right(program.readState('so far')).then(so => floats(so)[0]!)
      const calls = [
        plus(1),
        plus(2),
        plus(3),
        read(),
        right(program.writeState('so far', one(100))),
        plus(4),
        read(),
        plus(5),
        right(program.reset),
        plus(6),
        plus(7),
        read(),
      ]
      expect(await Promise.all(calls)).toEqual([0, 1, 3, 6, undefined, 100, 104, 104, undefined, 0, 6, 13])
    }))

  it('hold two staging buffers, however many there are', () =>
    using(adding(), async program => {
      await right(program.run({ x: [1] }))
      const { buffers, bytes } = device.counters()
      const round = async (): Promise<void> => {
        const runs = Array.from({ length: 50 }, (_, i) => right(program.run({ x: [i] })))
        expect(await Promise.all(runs)).toHaveLength(50)
      }
      await round()
      const held = device.counters()
      expect([held.buffers - buffers, held.bytes - bytes]).toEqual([1, 4])
      const allocated = vi.spyOn(device.gpu, 'createBuffer')
      await round()
      await right(program.run({ x: [1] }))
      expect(allocated).not.toHaveBeenCalled()
      allocated.mockRestore()
      expect(device.counters()).toMatchObject({ buffers: held.buffers, bytes: held.bytes })
    }))

  it('go on when the first is interrupted, which has been handed over', async () => {
    const stop = new AbortController()
    const program = await right(load(adding(), device, noWeights, initial))
    await Promise.all([right(program.run({ x: [1] })), right(program.run({ x: [2] }))])
    const { buffers, bytes } = device.counters()
    const mapped = vi.spyOn(GPUBuffer.prototype, 'mapAsync').mockImplementationOnce(function (
      this: GPUBuffer,
      ...args
    ) {
      stop.abort()
      return this.mapAsync(...args)
    })
    const [first, second, third] = await Promise.all([
      left(program.run({ x: [10] }, { signal: stop.signal })),
      right(program.run({ x: [20] })),
      right(program.run({ x: [30] })),
    ])
    mapped.mockRestore()
    expect(first).toMatchObject({ kind: 'interrupted' })
    expect([second, third].map(values => floats(values['so far']))).toEqual([[13], [33]])
    await Promise.all([right(program.run({ x: [1] })), right(program.run({ x: [2] }))])
    expect(device.counters()).toMatchObject({ buffers, bytes })
    program.dispose()
  })

  it('go on when the first fails', async () => {
    let refused = false
    const refusing: Device = {
      ...device,
      submit: (...commands) => {
        if (!refused) device.submit(...commands)
        else {
          refused = false
          throw new Error('no submit today')
        }
      },
    }
    const program = await right(load(chain(2), refusing, noWeights, initial))
    await Promise.all([right(program.run({ x: [1] })), right(program.run({ x: [1] }))])
    const { buffers } = device.counters()
    refused = true
    const [error, { y }] = await Promise.all([left(program.run({ x: [8] })), right(program.run({ x: [4] }))])
    expect(error).toMatchObject({ kind: 'shader', message: 'running: no submit today' })
    expect(floats(y)).toEqual([2.5])
    await Promise.all([right(program.run({ x: [1] })), right(program.run({ x: [1] }))])
    expect(device.counters().buffers).toBe(buffers)
    program.dispose()
  })

  it.each(['makes room', 'hands over', 'waits'] as const)(
    'end when the program is disposed of while it %s, and leave nothing behind',
    async when => {
      const own = await right(openDevice())
      const refused = vi.fn()
      own.gpu.onuncapturederror = ({ error }) => refused(error.message)
      let dispose = (): void => {}
      const disposing = (now: typeof when): void => {
        if (when === now) queueMicrotask(() => dispose())
      }
      const watched: Device = {
        ...afterSubmit(own, () => disposing('hands over')),
        allocate: (label, bytes, usage) => {
          disposing('makes room')
          return own.allocate(label, bytes, usage)
        },
      }
      const program = await right(load(chain(50), watched, noWeights))
      dispose = program.dispose
      const calls = [1, 2, 3].map(() => left(program.run({ x: long })))
      if (when === 'waits') setTimeout(dispose, 20)
      const message = 'the program was disposed of. Next step: load it again'
      for (const error of await Promise.all(calls)) expect(error).toEqual({ kind: 'device lost', message })
      expect(own.counters()).toMatchObject({ buffers: 0, bytes: 0 })
      expect(refused).not.toHaveBeenCalled()
      own.dispose()
    },
  )

  it('end so when it is disposed of just as results arrive, too', async () => {
    const program = await loaded(chain(2))
    await right(program.run({ x: [4] }))
    const mapped = vi.spyOn(GPUBuffer.prototype, 'mapAsync').mockImplementationOnce(function (
      this: GPUBuffer,
      ...args
    ) {
      return this.mapAsync(...args).then(() => (program.dispose(), undefined))
    })
    const error = await left(program.run({ x: [4] }))
    mapped.mockRestore()
    expect(error).toMatchObject({ kind: 'device lost' })
  })
})

describe('weights', () => {
  /** y = x + (3 w + 1), where what is in brackets is prepared once */
  const withWeight = () => {
    const { buffer, pass, lowered } = programme()
    const x = inputSource('x', [4])
    const source = paramSource('layer.weight', [4])
    const w = buffer('layer.weight', 4, { what: 'parameter', source })
    const bias = buffer('bias', 4, { what: 'parameter', source: paramSource('layer.bias', [4]) })
    const folded = buffer('folded', 4, { what: 'prepared' })
    const given = buffer('x', 4, { what: 'input', source: x })
    const [y, z] = [buffer('y', 4), buffer('z', 4)]
    pass(affine(3, 1), [w], folded)
    pass(sum, [given, folded], y)
    pass(sum, [y, bias], z)
    return lowered({ z: [x, z] })
  }
  const weightsOf = (w: number, b: number): WeightSource =>
    new Map([
      ['layer.weight', value([4], Float64Array.of(w, w, w, w))],
      ['layer.bias', value([4], Float32Array.of(b, b, b, b))],
    ])

  it('are prepared once, freed when nothing reads them as they were, and can be replaced', async () => {
    const before = device.counters().buffers
    await using(
      withWeight(),
      async program => {
        // bias and folded: the raw weight is gone
        expect(device.counters().buffers - before).toBe(2)
        expect(floats((await right(program.run({ x: [0, 1, 2, 3] }))).z)).toEqual([71, 72, 73, 74])
        await right(program.reload(weightsOf(0, -1)))
        expect(floats((await right(program.run({ x: [0, 1, 2, 3] }))).z)).toEqual([0, 1, 2, 3])
        const plan = program.plan()
        expect(E.isRight(plan) && plan.right.memory).toMatchObject({ weights: 16, prepared: 16 })
      },
      weightsOf(20, 10),
    )
    expect(device.counters().buffers).toBe(before)
  })

  it('are read lazily, in pieces where they are large', async () => {
    const count = 2 ** 23 + 3
    const { buffer, pass, lowered } = programme()
    const w = paramSource('w', [count])
    const weight = buffer('w', count, { what: 'parameter', source: w })
    const y = buffer('y', count)
    pass(affine(1, 1), [weight], y, {
      grid: [65535, 3, 1],
      wgsl: affine(1, 1).replace('id.x', '(id.x + id.y * 65535 * 64)'),
    })
    const asked: (readonly [number, number])[] = []
    const readRange = (first: number, n: number) => {
      asked.push([first, n])
      return TE.right(Float32Array.from({ length: n }, (_, i) => first + i))
    }
    const lazy = { get: () => ({ shape: [count], read: TE.left(interrupted('reading it whole')), readRange }) }
    await using(
      lowered({ y: [w, y] }),
      async program => {
        expect(asked).toEqual([
          [0, 2 ** 23],
          [2 ** 23, 3],
        ])
        const data = (await right(program.run())).y!.data
        expect([data[0], data[2 ** 23 - 1], data[count - 1]]).toEqual([1, 2 ** 23, 2 ** 23 + 3])
      },
      lazy,
    )
  })

  it('that are missing or of another shape are told all together', async () => {
    const wrong = new Map([['layer.weight', value([2, 2], [1, 2, 3, 4])]])
    const error = await left(load(withWeight(), device, wrong))
    expect(error.message).toBe(
      [
        'the weights: lacks 1 of 2 tensors that the model needs:',
        '  layer.bias   needs [4]   missing',
        "the weights: 1 of 2 tensors have another shape than the model's:",
        '  layer.weight   needs [4]   has [2, 2]',
      ].join('\n'),
    )
    expect(error).toMatchObject({ kind: 'several', errors: [{ kind: 'missing tensor' }, { kind: 'tensor shape' }] })
  })

  it('that are missing take their initial values where that is allowed', () =>
    using(withWeight(), async program => {
      expect(floats((await right(program.run({ x: [0, 0, 0, 0] }))).z)).toEqual([9, 9, 9, 9])
    }))
})

describe('states', () => {
  /** a, b ← b, a + x: all states advance at the same time */
  const swapping = () => {
    const { buffer, pass, lowered } = programme()
    const x = inputSource('x', [2])
    const given = buffer('x', 2, { what: 'input', source: x })
    const a = buffer('a', 2, { what: 'state', source: stateSource('a', [2]) })
    const b = buffer('b', 2, { what: 'state', source: stateSource('b', [2]) })
    const y = buffer('y', 2)
    pass(sum, [a, given], y)
    return lowered({ a: [x, a] }, [
      { state: a, from: b },
      { state: b, from: y },
    ])
  }

  it('stay on the device, advance together, and can be read and written', () =>
    using(swapping(), async program => {
      const seen: number[][] = []
      for (const x of [1, 10, 100]) seen.push(floats((await right(program.run({ x: [x, x] }))).a))
      expect(seen).toEqual([
        [0, 0],
        [0, 0],
        [1, 1],
      ])
      expect(floats(await right(program.readState('a')))).toEqual([10, 10])
      expect(floats(await right(program.readState('b')))).toEqual([101, 101])
      await right(program.writeState('b', value([2], [7, 8])))
      await right(program.run({ x: [0, 0] }, { only: [] }))
      expect(floats(await right(program.readState('a')))).toEqual([7, 8])
      expect(await left(program.readState('c'))).toMatchObject({ kind: 'feed', name: 'c' })
      expect(await left(program.writeState('a', value([1], [7])))).toMatchObject({ kind: 'feed', name: 'a' })
    }))

  it('do not advance in a profile', () =>
    using(swapping(), async program => {
      await right(program.run({ x: [1, 1] }))
      await right(program.profile({ x: [5, 5] }))
      expect(floats(await right(program.readState('b')))).toEqual([1, 1])
    }))
})

describe('a profile', () => {
  it.each(['timestamps', 'wall time'] as const)('has a time for every pass, by %s', how =>
    using(chain(6), async program => {
      const n = 500_000
      const profile = await right(program.profile({ x: new Float32Array(n) }, { rounds: 2, how }))
      expect(profile).toMatchObject({ how, rounds: 2, sizes: { n }, passes: { length: 6 } })
      for (const pass of profile.passes) expect(pass).toMatchObject({ label: 'affine', flops: 2 * n, bytes: 8 * n })
      expect(profile.milliseconds).toBeGreaterThan(0)
      const text = formatProfile(profile, { ceilings: { gflops: 100, gigabytesPerSecond: 20 } })
      expect(text.split('\n')[0]).toBe(`${device.name}, n = ${n}: ${how}, mean of 2 rounds`)
      expect(text).toMatch(/kernel +passes +ms +share +GFLOP\/s +GB\/s +of best\naffine +6 /)
    }),
  )
})

describe('failures', () => {
  it('a shader that does not compile is shown with its line', async () => {
    const { buffer, pass, lowered } = programme()
    const x = inputSource('x', ['n'])
    const a = buffer('x', 'n', { what: 'input', source: x })
    const y = buffer('y', 'n')
    pass(affine(1, 0).replace('x[i] +', 'z[i] +'), [a], y, { label: 'broken' })
    const error = await left(load(lowered({ y: [x, y] }), device, noWeights))
    expect(error.kind).toBe('shader')
    expect(error.message).toMatch(/^kernel 'broken' does not compile: line 8:\d+: .*'z'.*\n {2}8 \| .* z\[i\]/)
  })

  it('a feed that is missing, unknown or of another kind', () =>
    using(chain(1), async program => {
      expect(await left(program.run({}))).toMatchObject({ kind: 'feed', name: 'x' })
      expect(await left(program.run({ x: [1], z: [1] }))).toMatchObject({ kind: 'feed', name: 'z' })
      expect(await left(program.run({ x: value([1], [1], 'index') }))).toMatchObject({ kind: 'feed', name: 'x' })
    }))

  it('what exceeds a limit is refused before anything is allocated, and the program goes on', () =>
    using(chain(1), async program => {
      await right(program.run({ x: [1] }))
      const { bytes } = device.counters()
      const plan = program.plan({ n: device.profile.maxBinding / 4 + 1 })
      expect(E.isLeft(plan) && plan.left).toMatchObject({ kind: 'limit' })
      expect(device.counters().bytes).toBe(bytes)
      expect(floats((await right(program.run({ x: [2] }))).y)).toEqual([2])
    }))

  it('a host without the memory that a driver in software would need: it is told before the driver ends the process', () => {
    expect(shortageOf('lavapipe', 8 * 2 ** 30, 'loading the weights', 13.5 * 2 ** 30)).toEqual({
      kind: 'out of memory',
      message:
        'not enough memory: loading the weights needs 13.5 GiB more, but 8 GiB are free. ' +
        'Next step: give smaller inputs, or dispose of other programs.',
    })
    const less = [
      { storage: 'q8', bytes: 8.5 * 2 ** 30 },
      { storage: 'q4', bytes: 4.5 * 2 ** 30 },
    ] as const
    expect(shortageOf('lavapipe', 8 * 2 ** 30, 'loading the weights', 13.5 * 2 ** 30, less)?.message).toContain(
      "Next step: compile with { storage: 'q4' }, which needs 4.5 GiB",
    )
    expect(shortageOf('lavapipe', 8 * 2 ** 30, 'loading the weights', 2 ** 30)).toBeUndefined()
    expect(shortageOf('gpu', 2 ** 30, 'loading the weights', 2 ** 40)).toBeUndefined()
    const memory = platform.availableMemory()
    expect(memory === undefined || memory > 2 ** 20).toBe(true)
  })

  it('a feature that the device lacks', async () => {
    const { buffer, pass, lowered } = programme()
    const x = inputSource('x', ['n'])
    const y = buffer('y', 'n')
    pass(affine(1, 0), [buffer('x', 'n', { what: 'input', source: x })], y, {
      features: ['texture-compression-astc'],
    })
    const error = await left(load(lowered({ y: [x, y] }), device, noWeights))
    expect(error).toMatchObject({ kind: 'limit' })
    expect(error.message).toContain("affine at '' needs 'texture-compression-astc'")
  })

  it('a signal interrupts a run before and while it works, and the next one is right', async () => {
    const stop = new AbortController()
    const program = await right(
      load(
        chain(50),
        afterSubmit(device, () => stop.abort()),
        noWeights,
      ),
    )
    expect(await left(program.run({ x: [1] }, { signal: AbortSignal.abort() }))).toMatchObject({ kind: 'interrupted' })
    const x = new Float32Array(2 ** 18).fill(4)
    const error = await left(program.run({ x }, { signal: stop.signal }))
    expect(error).toMatchObject({ kind: 'interrupted', message: 'running was interrupted' })
    const { y } = await right(program.run({ x }))
    expect(y!.data.every(v => Math.abs(v - 2) < 1e-6)).toBe(true)
    program.dispose()
  })

  it('a program or device that was disposed of says so at once, and holds nothing', async () => {
    const own = await right(openDevice())
    const program = await right(load(chain(2), own, noWeights))
    await right(program.run({ x: [1] }))
    program.dispose()
    expect(own.counters()).toMatchObject({ buffers: 0, bytes: 0 })
    expect(await left(program.run({ x: [1] }))).toMatchObject({ kind: 'device lost' })
    const second = await right(load(chain(2), own, noWeights))
    own.dispose()
    expect(await left(second.run({ x: [1] }))).toMatchObject({ kind: 'device lost' })
    expect(await left(load(chain(2), own, noWeights))).toMatchObject({ kind: 'device lost' })
  })

  it('a device lost in the middle of a run ends the run with that error', async () => {
    const own = await right(openDevice())
    const program = await right(
      load(
        chain(50),
        afterSubmit(own, () => own.gpu.destroy()),
        noWeights,
      ),
    )
    expect(await left(program.run({ x: new Float32Array(2 ** 18) }))).toMatchObject({ kind: 'device lost' })
    expect(await left(program.run({ x: [1] }))).toMatchObject({ kind: 'device lost' })
    own.dispose()
  })
})

describe('opening a device', () => {
  it('takes a device of the caller and leaves it alive', async () => {
    const borrowed = await right(openDevice({ device: device.gpu, profile: { maxBinding: 4096 } }))
    expect(borrowed.profile).toMatchObject({ ...device.profile, maxBinding: 4096 })
    const program = await right(load(chain(1), borrowed, noWeights))
    expect(floats((await right(program.run({ x: [2] }))).y)).toEqual([2])
    expect(await left(program.run({ x: new Float32Array(2000) }))).toMatchObject({ kind: 'limit' })
    borrowed.dispose()
    await using(chain(1), async own => expect(floats((await right(own.run({ x: [4] }))).y)).toEqual([3]))
  })

  it('tells kernels what the adapter is', () => {
    const { tuning, subgroup } = device.profile
    if (/llvmpipe/.test(device.name)) expect({ tuning, subgroup }).toEqual({ tuning: 'lavapipe', subgroup: [8, 8] })
    expect(device.profile.maxBinding).toBeGreaterThanOrEqual(2 ** 27)
    expect(device.profile.maxBuffer).toBeGreaterThanOrEqual(device.profile.maxBinding)
  })
})

describe('warming', () => {
  it('reports every kernel once, and does nothing where there is nothing to do', () =>
    using(chain(3), async program => {
      const told: (readonly [number, number, string])[] = []
      const onProgress = (done: number, of: number, kernel: string): void => void told.push([done, of, kernel])
      await right(program.warm({ onProgress }))
      expect(told.length).toBeLessThanOrEqual(program.kernels)
      for (const [i, [done, of]] of told.entries()) expect([done, of]).toEqual([i + 1, told.length])
      told.length = 0
      await right(program.warm({ onProgress }))
      expect(told).toEqual([])
    }))

  it('can be interrupted', () =>
    using(chain(1), async program => {
      const { warmed } = device.pipelines
      warmed.clear()
      const result = await program.warm({ signal: AbortSignal.abort() })()
      expect(E.isLeft(result) ? result.left.kind : device.profile.tuning).toBe(
        device.profile.tuning === 'lavapipe' ? 'interrupted' : device.profile.tuning,
      )
    }))
})
