/** PyTorch checkpoints: those PyTorch wrote, those made by hand with any view, those that are hostile or damaged. */
import * as fc from 'fast-check'
import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { nodeFolder } from '../../lib/node/files.ts'
import { bytesSource } from '../../lib/weights/byte-source.ts'
import { openTensorFile } from '../../lib/weights/open-weights.ts'
import { type PickleCalls, runPickle } from '../../lib/weights/pickle.ts'
import { readTorch } from '../../lib/weights/torch-pickle.ts'
import { readZip } from '../../lib/weights/zip.ts'
import {
  type Pickled,
  type PickledTensor,
  concatenated,
  fromHex,
  little,
  membersOf,
  pickled,
  storedZip,
  torchZip,
} from './file-makers.ts'
import { kept, opened, refused } from './golden-files.ts'

const file = 'folder/mg_llava.pth'
const readBytes = (bytes: Uint8Array) => readTorch(bytesSource(file, bytes))
const ascii = (text: string) => new TextEncoder().encode(text)
const folder = nodeFolder(kept('torch'))

describe('what PyTorch wrote', () => {
  const bare = ['bare', 'protocol-3', 'protocol-4', 'protocol-5'].map(name => [name, 'bare'] as const)
  it.each([['framework', 'framework'] as const, ...bare])(
    '%s.pth holds the tensors of %s.safetensors',
    async (name, same) => {
      const torch = await opened(openTensorFile(folder, `${name}.pth`))
      const safe = await opened(openTensorFile(folder, `${same}.safetensors`))
      expect(new Set(torch.tensors.keys())).toEqual(new Set(safe.tensors.keys()))
      for (const [tensor, entry] of torch.tensors) {
        const expected = safe.tensors.get(tensor)!
        expect([entry.dtype, entry.shape]).toEqual([expected.dtype, expected.shape])
        expect(await opened(entry.bytes), tensor).toEqual(await opened(expected.bytes))
        expect(await opened(entry.read), tensor).toEqual(await opened(expected.read))
      }
    },
  )
  it('plain facts of `meta` are kept, objects passed over', async () => {
    const { metadata } = await opened(openTensorFile(folder, 'framework.pth'))
    const expected = { seed: '7', epoch: '3', rate: '0.5', time: 'now', iter: '-1' }
    expect(Object.fromEntries(metadata)).toEqual(expected)
  })
  it('the format before 1.6 is refused with what to do', async () => {
    const error = await refused(openTensorFile(folder, 'legacy.pth'))
    expect(error).toMatchObject({
      kind: 'format',
      message: expect.stringContaining('torch.save(torch.load(file), file)') as string,
    })
  })
})

const f32 = (numbers: readonly number[]) => new Uint8Array(Float32Array.from(numbers).buffer)
const counting = (n: number) => f32(Array.from({ length: n }, (_, i) => i))
const tensor = (parts: Partial<PickledTensor>): PickledTensor => ({
  storage: '0',
  type: 'Float',
  length: 24,
  offset: 0,
  shape: [24],
  strides: [1],
  ...parts,
})
const checkpoint = (parts: Partial<PickledTensor>, storage = counting(24)) =>
  readBytes(torchZip(pickled(new Map([['state_dict', new Map([['w', tensor(parts)]])]])), new Map([['0', storage]])))

describe('views', () => {
  it('any view is read in row-major order, whole and in ranges', async () => {
    const view = fc
      .array(fc.record({ n: fc.nat({ max: 3 }), stride: fc.nat({ max: 9 }) }), { maxLength: 4 })
      .chain(axes => fc.tuple(fc.constant(axes), fc.nat({ max: 5 })))
    await fc.assert(
      fc.asyncProperty(view, fc.nat(), fc.nat(), async ([axes, offset], a, b) => {
        const shape = axes.map(({ n }) => n)
        const strides = axes.map(({ stride }) => stride)
        const places = axes.reduce<readonly number[]>(
          (starts, { n, stride }) => starts.flatMap(start => Array.from({ length: n }, (_, i) => start + i * stride)),
          [offset],
        )
        const length = Math.max(places.length, ...places.map(place => place + 1), offset)
        const result = await opened(checkpoint({ shape, strides, offset, length }, counting(length)))
        const w = result.tensors.get('w')!
        expect(await opened(w.read)).toEqual(Float32Array.from(places))
        const first = a % (places.length + 1)
        const count = b % (places.length - first + 1)
        expect(await opened(w.readRange(first, count))).toEqual(Float32Array.from(places.slice(first, first + count)))
      }),
    )
  })
  const wrong: readonly (readonly [string, Partial<PickledTensor>])[] = [
    ['an offset beyond the storage', { offset: 1 }],
    ['more elements than the storage', { shape: [5, 5], strides: [0, 1] }],
    ['a size that would fill memory', { shape: [2 ** 40], strides: [0] }],
    ['sizes whose product overflows', { shape: [2 ** 50, 2 ** 50, 2 ** 50], strides: [0, 0, 0] }],
    ['a stride beyond the storage', { shape: [2, 2], strides: [1, 2 ** 52] }],
    ['a negative stride', { shape: [2], strides: [-1] }],
    ['a negative offset', { offset: -1 }],
    ['fewer strides than sizes', { shape: [2, 2], strides: [1] }],
    ['a storage longer than its data', { length: 25, shape: [1], strides: [1] }],
    ['a storage that is not there', { storage: '7' }],
  ]
  it.each(wrong)('%s is refused', async (_, parts) => {
    const error = await refused(checkpoint(parts))
    expect(error.kind).toBe('format')
    expect(error.message).toMatch(/folder\/mg_llava\.pth: w/)
  })
  it('numbers nobody can read here are a dtype error', async () => {
    expect(await refused(checkpoint({ type: 'ComplexFloat' }))).toMatchObject({ kind: 'dtype' })
  })
})

describe('dicts', () => {
  it.each(['state_dict', 'model', 'module'])('tensors may stand under %s', async key => {
    const zip = torchZip(pickled(new Map([[key, new Map([['w', tensor({})]])]])), new Map([['0', counting(24)]]))
    expect([...(await opened(readBytes(zip))).tensors.keys()]).toEqual(['w'])
  })
  it('what is no tensor is named, all of it', async () => {
    const state = new Map<string, Pickled>([
      ['a', [0, 1]],
      ['b', tensor({})],
      ['c', 'text'],
    ])
    const error = await refused(readBytes(torchZip(pickled(state), new Map([['0', counting(24)]]))))
    expect(error.kind).toBe('several')
    expect(error.message).toBe(
      `${file}: a: expected a tensor, found a list\n${file}: c: expected a tensor, found a string`,
    )
  })
  it('a checkpoint of a big-endian machine is refused', async () => {
    const members = membersOf(torchZip(pickled(new Map([['w', tensor({})]])), new Map([['0', counting(24)]])))
    const error = await refused(readBytes(storedZip(members.set('archive/byteorder', ascii('big')))))
    expect(error).toMatchObject({ kind: 'format', message: expect.stringContaining('byte order is big') as string })
  })
  it('a list at the root is refused', async () => {
    expect(await refused(readBytes(torchZip(pickled([1, 2]), new Map())))).toMatchObject({ kind: 'format' })
  })
})

describe('zips', () => {
  it('members are read the same from 64-bit directories', async () => {
    const members = new Map([
      ['a/one', ascii('first')],
      ['a/two', ascii('second member')],
    ] as const)
    for (const zip64 of [false, true]) {
      const read = await opened(readZip(bytesSource(file, storedZip(members, { zip64 }))))
      for (const [name, bytes] of members) {
        const member = read.get(name)!
        expect(await opened(member.read(0, member.size))).toEqual(bytes)
        expect(await opened(member.read(2, 3))).toEqual(bytes.slice(2, 5))
        expect(await refused(member.read(2, bytes.length))).toMatchObject({ kind: 'format' })
      }
    }
  })
  it('a comment at the end does not hide the directory', async () => {
    const zip = storedZip(new Map([['one', ascii('first')]]))
    const commented = concatenated(zip.slice(0, -2), little(2, 3), ascii('hi!'))
    expect((await opened(readZip(bytesSource(file, commented)))).has('one')).toBe(true)
  })
  it('compressed members are refused', async () => {
    const zip = storedZip(new Map([['one', ascii('first')]]))
    zip[zip.length - 22 - 3 - 46 + 10] = 8
    expect((await refused(readZip(bytesSource(file, zip)))).message).toContain('one is compressed')
  })
  it('two members of one name are refused', async () => {
    const zip = storedZip(
      new Map([
        ['one', ascii('1')],
        ['two', ascii('2')],
      ]),
    )
    const twice = Uint8Array.from(Buffer.from(Buffer.from(zip).toString('latin1').replaceAll('two', 'one'), 'latin1'))
    expect((await refused(readZip(bytesSource(file, twice)))).message).toContain('one stands twice')
  })
})

const nothing: PickleCalls = { call: () => undefined, persistent: () => undefined }
const value = (hex: string) => runPickle(fromHex(hex), nothing)
const program = (...parts: readonly (string | Uint8Array)[]) =>
  concatenated(...parts.map(part => (typeof part === 'string' ? ascii(part) : part)))

describe('pickles', () => {
  const values: readonly (readonly [string, string, unknown])[] = [
    ['a negative long', '80028a01ff2e', -1],
    ['a long of no bytes', '80028a002e', 0],
    ['a long beyond 2^53', '80028a09000000000000000040' + '2e', 2n ** 70n],
    ['a large negative long', '80028a090000000000000000c02e', -(2n ** 70n)],
    ['a negative int', '80024affffffff2e', -1],
    ['a float', '8002473ff80000000000002e', 1.5],
    ['bytes', '80034302fffe2e', Uint8Array.of(255, 254)],
    [
      'tuples of one to three',
      '80024b0185 4b024b0386 4b044b054b0687 87 2e'.replaceAll(' ', ''),
      [[1], [2, 3], [4, 5, 6]],
    ],
    [
      'a dict',
      '80027d284b014b024b034e752e',
      new Map([
        [1, 2],
        [3, null],
      ]),
    ],
    ['a set', '80048f284b014b02902e', new Set([1, 2])],
  ]
  it.each(values)('%s', (_, hex, expected) => expect(value(hex)).toEqual(E.right(expected)))
  it('text opcodes of protocol 0', () => {
    const text = "(lp0\nI7\naI01\naL-5L\naF1.5\naS'text'\naVword\nag0\na."
    const list = runPickle(ascii(text), nothing)
    expect(E.isRight(list) && Array.isArray(list.right) && list.right.slice(0, 6)).toEqual([
      7,
      true,
      -5,
      1.5,
      'text',
      'word',
    ])
    expect(E.isRight(list) && Array.isArray(list.right) && list.right[6] === list.right).toBe(true)
  })
  it('lists far longer than the call stack', () => {
    const many = 300_000
    const list = runPickle(program(fromHex('80025d28'), new Uint8Array(many).fill(0x4e), 'e.'), nothing)
    expect(E.isRight(list) && (list.right as unknown[]).length).toBe(many)
  })

  const unsafe: readonly (readonly [string, Uint8Array, string])[] = [
    [
      'REDUCE',
      program(fromHex('8002'), 'cos\nsystem\n', fromHex('5804000000'), 'echo', fromHex('85'), 'R.'),
      'os.system',
    ],
    ['REDUCE of a stack global', fromHex('80048c086275696c74696e738c046576616c938c03312b3185522e'), 'builtins.eval'],
    ['REDUCE of a text', program("cos\nsystem\n(S'echo'\ntR."), 'os.system'],
    ['INST', program("(S'echo'\nios\nsystem\n."), 'os.system'],
    ['OBJ', program("(cos\nsystem\nS'echo'\no."), 'os.system'],
    ['a call inside a tensor', program('}(X', little(4, 1), 'wcsubprocess\nPopen\n)Ru.'), 'subprocess.Popen'],
    ['a call of a name that objects have', program('c__proto__\nconstructor\n)R.'), '__proto__.constructor'],
  ]
  it.each(unsafe)('%s is unsafe', async (_, bytes, name) => {
    const error = await refused(readBytes(torchZip(bytes, new Map())))
    expect(error.kind).toBe('unsafe')
    for (const text of [file, name, 'Nothing was run']) expect(error.message).toContain(text)
  })
  const damaged: readonly (readonly [string, string])[] = [
    ['a negative length, which pickleparser never finishes', '800342fbffffff2e'],
    ['a length beyond the end', '80028cff2e'],
    ['a length of 2^64 - 1', '80048dffffffffffffffff2e'],
    ['a long of a gigabyte', '80028b000000402e'],
    ['a value that is not there', '8002302e'],
    ['nothing', ''],
    ['no end', '80024e'],
    ['a group never opened', '800274'],
    ['a value never kept', '800268052e'],
    ['an item set on a list', '80025d4b014b02732e'],
    ['a call of a number', '80024b0129522e'],
    ['an extension', '800282012e'],
    ['an unknown opcode', '8002ff2e'],
    ['protocol 9', '80094e2e'],
    ['another persistent object', '8002' + '4b0151' + '2e'],
  ]
  it.each(damaged)('%s is refused', (_, hex) => expect(value(hex)).toMatchObject(E.left({ kind: 'format' })))
  it('a program longer than any checkpoint needs is refused', () => {
    const long = program(fromHex('8002'), new Uint8Array(2 ** 22).fill(0x7d), '.')
    expect(runPickle(long, nothing)).toMatchObject(E.left({ kind: 'format' }))
  })
  it('a value that contains itself does no harm', () => {
    const result = runPickle(fromHex('80025d7100680061' + '2e'), nothing)
    expect(E.isRight(result) && (result.right as unknown[])[0] === result.right).toBe(true)
  })
})
