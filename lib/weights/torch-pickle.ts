/**
 * PyTorch checkpoints (`.pth`, `.pt`, `.bin` of PyTorch 1.6 and later): a zip with a pickle that describes the tensors
 * and one member of raw numbers for each storage. Tensors may be views of a shared storage, with an offset and with
 * strides in any order; all are read in row-major order. Storages are read in ranges when a tensor is asked for.
 *
 * The pickle runs on the machine of pickle.ts, which calls nothing; what a training framework adds beside the weights
 * (histories, configurations, random states) is passed over.
 *
 * Source: pytorch/pytorch, torch/serialization.py (`_save`), torch/_utils.py (`_rebuild_tensor_v2`).
 */
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import { type Door, type FileErrorKind, type SluiceError, fileError } from '../errors.ts'
import { type ByteSource, impostor, utf8 } from './byte-source.ts'
import { Global, Inert, type PickleCalls, runPickle } from './pickle.ts'
import {
  type Dtype,
  type TensorEntry,
  type TensorFile,
  dtypeBytes,
  sizeOf,
  tensorEntry,
  unless,
} from './tensor-file.ts'
import { readZip } from './zip.ts'

/** A description of every tensor of the largest models takes a few megabytes. */
const largestPickle = 2 ** 28
/** PyTorch's own limit. */
const largestRank = 64

const storageDtypes: Readonly<Record<string, Dtype>> = {
  Double: 'F64',
  Float: 'F32',
  Half: 'F16',
  BFloat16: 'BF16',
  Long: 'I64',
  Int: 'I32',
  Short: 'I16',
  Char: 'I8',
  Byte: 'U8',
  Bool: 'BOOL',
}

/** What the pickle says of a storage: a member of the zip, by its key. */
class Storage {
  readonly key: string
  readonly type: string
  /** elements */
  readonly length: number
  constructor(key: string, type: string, length: number) {
    this.key = key
    this.type = type
    this.length = length
  }
}

/** What the pickle says of a tensor: element [i, j, …] is number offset + i·strides[0] + j·strides[1] + … of its storage. */
class View {
  readonly storage: Storage
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0
const areCounts = (list: unknown): list is readonly number[] =>
  Array.isArray(list) && list.length <= largestRank && list.every(isCount)

const rebuildTensor = ([storage, offset, shape, strides]: readonly unknown[]): unknown =>
  storage instanceof Storage &&
  isCount(offset) &&
  areCounts(shape) &&
  areCounts(strides) &&
  shape.length === strides.length
    ? new View(storage, offset, shape, strides)
    : new Inert('a tensor of impossible sizes', undefined)

/** Calls that are meant: they rebuild tensors and the dicts around them. */
const rebuilt: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_parameter': args => args[0] ?? null,
  'torch._utils._rebuild_parameter_with_state': args => args[0] ?? null,
  'collections.OrderedDict': () => new Map(),
  'collections.defaultdict': () => new Map(),
  'collections.Counter': () => new Map(),
}

/** Calls that make plain data of Python, numpy and PyTorch, kept as names with arguments. */
const harmless: ReadonlySet<string> = new Set([
  '_codecs.encode',
  '__builtin__.bytearray',
  '__builtin__.complex',
  '__builtin__.set',
  'builtins.bytearray',
  'builtins.complex',
  'builtins.set',
  'copy_reg._reconstructor',
  'copyreg._reconstructor',
  'numpy._core.multiarray._reconstruct',
  'numpy._core.multiarray.scalar',
  'numpy.core.multiarray._reconstruct',
  'numpy.core.multiarray.scalar',
  'numpy.dtype',
  'torch.Size',
  'torch._utils._rebuild_tensor_v3',
  'torch.device',
  'torch.serialization._get_layout',
])

const StorageId = t.tuple([t.literal('storage'), t.unknown, t.string, t.unknown, t.number])

const calls: PickleCalls = {
  call: (path, args) => {
    const rebuild = Object.hasOwn(rebuilt, path) ? rebuilt[path] : undefined
    if (rebuild) return rebuild(args)
    return harmless.has(path) ? new Inert(path, args) : undefined
  },
  persistent: id => {
    if (!StorageId.is(id) || !(id[1] instanceof Global) || !isCount(id[4])) return undefined
    return new Storage(id[2], id[1].path, id[4])
  },
}

/**
 * The tensors of a PyTorch checkpoint: a dict of tensors, or such a dict under `state_dict`, `model` or `module`.
 * `format` if it is damaged, older than PyTorch 1.6 or something else; `unsafe` if it wants to call anything that does
 * not rebuild tensors. Reads the zip's directory and the pickle only.
 */
export const readTorch = (source: ByteSource): Door<TensorFile> =>
  F.pipe(
    source.read(0, Math.min(source.size, 64)),
    TE.flatMapEither(start => recognised(source, start)),
    TE.flatMap(() => readZip(source)),
    TE.flatMapEither(members => checkpointOf(source, members)),
    TE.flatMap(readCheckpoint),
  )

const refusal = (source: ByteSource, why: string, kind: FileErrorKind = 'format'): E.Either<SluiceError, never> =>
  E.left(fileError(kind, source.name, why))

const recognised = (source: ByteSource, start: Uint8Array): E.Either<SluiceError, void> => {
  const other = impostor(start, source.size)
  if (other !== undefined) return refusal(source, other)
  if (start[0] === 0x80)
    return refusal(
      source,
      'this is a bare pickle, as PyTorch wrote before 1.6, which is not read; save it again: torch.save(torch.load(file), file)',
    )
  return start[0] === 0x50 && start[1] === 0x4b
    ? E.right(undefined)
    : refusal(source, 'expected a PyTorch checkpoint (a zip, beginning with PK), found something else')
}

/** An opened zip that holds a pickle and, beside it, storages. */
interface Checkpoint {
  readonly source: ByteSource
  readonly program: ByteSource
  readonly beside: (member: string) => ByteSource | undefined
}

const checkpointOf = (
  source: ByteSource,
  members: ReadonlyMap<string, ByteSource>,
): E.Either<SluiceError, Checkpoint> => {
  const name = [...members.keys()].find(member => /^([^/]+\/)?data\.pkl$/.test(member))
  const program = name === undefined ? undefined : members.get(name)
  if (name === undefined || program === undefined)
    return refusal(source, 'the zip has no data.pkl; it is not a PyTorch checkpoint, or is damaged')
  const folder = name.slice(0, -'data.pkl'.length)
  return program.size <= largestPickle
    ? E.right({ source, program, beside: member => members.get(folder + member) })
    : refusal(source, `data.pkl has ${program.size} bytes, at most ${largestPickle} are read`)
}

const readCheckpoint = (checkpoint: Checkpoint): Door<TensorFile> => {
  const { source, program, beside } = checkpoint
  return F.pipe(
    byteOrderOf(beside('byteorder')),
    TE.flatMapEither(order =>
      order === 'little' ? E.right(undefined) : refusal(source, `its byte order is ${order}; only little is read`),
    ),
    TE.flatMap(() => program.read(0, program.size)),
    TE.map(bytes => runPickle(bytes, calls)),
    TE.flatMapEither(E.mapLeft(({ kind, why }): SluiceError => fileError(kind, source.name, explained(kind, why)))),
    TE.flatMapEither(root => tensorsOf(checkpoint, root)),
  )
}

const explained = (kind: FileErrorKind, why: string): string =>
  kind === 'unsafe'
    ? `${why}. Nothing was run. Weights need no such call: do not load this file elsewhere, unless you trust its author`
    : why

/** Files of PyTorch 2.0 and earlier do not say; they were little. */
const byteOrderOf = (member: ByteSource | undefined): Door<string> =>
  member === undefined || member.size > 16
    ? TE.right('little')
    : F.pipe(
        member.read(0, member.size),
        TE.flatMapEither(bytes => utf8(member.name, bytes)),
      )

const stateKeys = ['state_dict', 'model', 'module']

/** The dict that holds the tensors: the outermost one, or the first under a usual key. */
const stateOf = (root: unknown): Map<unknown, unknown> | undefined => {
  if (!(root instanceof Map)) return undefined
  const inner = stateKeys.map(key => root.get(key) as unknown).find(value => value instanceof Map)
  return inner instanceof Map ? inner : root
}

const tensorsOf = (checkpoint: Checkpoint, root: unknown): E.Either<SluiceError, TensorFile> => {
  const { source } = checkpoint
  const state = stateOf(root)
  if (state === undefined) return refusal(source, `expected a dict of tensors, found ${described(root)}`)
  const entries = [...state].map(([name, value]) => entryOf(checkpoint, name, value))
  const errors = entries.flatMap(entry => (E.isLeft(entry) ? [entry.left] : []))
  const tensors = entries.flatMap(entry => (E.isRight(entry) ? [[entry.right.name, entry.right] as const] : []))
  return unless(errors, source.name, () => ({
    name: source.name,
    tensors: new Map(tensors),
    metadata: metadataOf(root),
  }))
}

const described = (value: unknown): string =>
  value instanceof Inert || value instanceof Global
    ? value.path
    : value === null
      ? 'None'
      : Array.isArray(value)
        ? 'a list'
        : value instanceof Map
          ? 'a dict'
          : `a ${typeof value}`

const metadataOf = (root: unknown): ReadonlyMap<string, string> => {
  const meta: unknown = root instanceof Map ? root.get('meta') : undefined
  const facts = meta instanceof Map ? [...(meta as Map<unknown, unknown>)] : []
  return new Map(
    facts.flatMap(([key, value]) =>
      typeof key === 'string' && ['string', 'number', 'boolean'].includes(typeof value) ? [[key, String(value)]] : [],
    ),
  )
}

interface StoredNumbers {
  readonly dtype: Dtype
  readonly member: ByteSource
}

/** The member a storage names, known to be as long as the storage is said to be. */
const storedOf = (
  { source, beside }: Checkpoint,
  name: string,
  storage: Storage,
): E.Either<SluiceError, StoredNumbers> => {
  const { key, type, length } = storage
  const kind = /^torch\.(?:cuda\.)?(\w+)Storage$/.exec(type)?.[1] ?? ''
  const dtype = Object.hasOwn(storageDtypes, kind) ? storageDtypes[kind] : undefined
  if (dtype === undefined) return refusal(source, `${name} has numbers of ${type}, which is not supported`, 'dtype')
  const member = beside(`data/${key}`)
  if (member === undefined)
    return refusal(source, `${name}: its numbers, data/${key}, are not in the zip: fetch the file again`)
  const present = Math.floor(member.size / dtypeBytes[dtype])
  return length <= present
    ? E.right({ dtype, member })
    : refusal(
        source,
        `${name}: data/${key} should have ${length} numbers of ${dtype}, it has ${present}: fetch the file again`,
      )
}

/** Numbers of the storage from the first to the last a view has. */
const spanOf = ({ shape, strides }: View): number =>
  sizeOf(shape) === 0 ? 0 : shape.reduce((last, n, axis) => last + (n - 1) * strides[axis]!, 1)

/** A tensor whose every element is known to lie in the file. */
const entryOf = (checkpoint: Checkpoint, name: unknown, view: unknown): E.Either<SluiceError, TensorEntry> => {
  const { source } = checkpoint
  if (typeof name !== 'string') return refusal(source, `expected names of tensors, found ${described(name)}`)
  if (!(view instanceof View)) return refusal(source, `${name}: expected a tensor, found ${described(view)}`)
  const { storage, offset, shape, strides } = view
  const span = spanOf(view)
  if (!(offset + span <= storage.length && sizeOf(shape) <= storage.length))
    return refusal(
      source,
      `${name}: [${shape.join(', ')}] with strides [${strides.join(', ')}] from ${offset} does not fit its storage of ${storage.length} numbers`,
    )
  return F.pipe(
    storedOf(checkpoint, name, storage),
    E.map(({ dtype, member }) => {
      const size = dtypeBytes[dtype]
      const stored = (first: number, n: number): Door<Uint8Array> => member.read((offset + first) * size, n * size)
      const turned = (first: number, n: number): Door<Uint8Array> =>
        TE.map((bytes: Uint8Array) => gathered(bytes, size, view, first, n))(stored(0, span))
      return tensorEntry({ name, dtype, shape, file: source.name }, isRowMajor(view) ? stored : turned)
    }),
  )
}

const isRowMajor = ({ shape, strides }: View): boolean =>
  sizeOf(shape) === 0 || shape.every((n, axis) => n === 1 || strides[axis] === sizeOf(shape.slice(axis + 1)))

/** Elements `first` to `first + count` of a view, counted in row-major order, from the bytes of its span. */
const gathered = (
  bytes: Uint8Array,
  size: number,
  { shape, strides }: View,
  first: number,
  count: number,
): Uint8Array => {
  const out = new Uint8Array(count * size)
  const index = shape.map((n, axis) => Math.floor(first / sizeOf(shape.slice(axis + 1))) % n)
  let from = index.reduce((at, i, axis) => at + i * strides[axis]!, 0)
  for (let to = 0; to < count; to++) {
    for (let byte = 0; byte < size; byte++) out[to * size + byte] = bytes[from * size + byte]!
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++
      from += strides[axis]!
      if (index[axis]! < shape[axis]!) break
      from -= shape[axis]! * strides[axis]!
      index[axis] = 0
    }
  }
  return out
}
