/** The damages of a golden list `broken.json`, done to files in memory; broken.py beside it defines each of them. */
import { either as E } from 'fp-ts'
import { bytesSource } from '../../lib/weights/byte-source.ts'
import { dtypeBytes } from '../../lib/weights/tensor-file.ts'
import { readTorch } from '../../lib/weights/torch-pickle.ts'
import {
  type Pickled,
  concatenated,
  fromHex,
  little,
  membersOf,
  pickled,
  safetensorsWith,
  storedZip,
  torchZip,
} from './file-makers.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Path = readonly (string | number)[]

export type Change =
  | { readonly op: 'delete' }
  | { readonly op: 'text'; readonly text: string }
  | { readonly op: 'replace'; readonly find: string; readonly with: string }
  | { readonly op: 'truncate'; readonly bytes: number }
  | { readonly op: 'overwrite'; readonly offset: number; readonly hex: string }
  | { readonly op: 'json-set' | 'header-set'; readonly path: Path; readonly value: Json }
  | { readonly op: 'json-delete'; readonly path: Path }
  | { readonly op: 'header-length'; readonly length: string }
  | { readonly op: 'header-shift'; readonly tensor: string; readonly by: readonly number[] }
  | { readonly op: 'tensor-delete'; readonly tensor: string }
  | { readonly op: 'tensor-add'; readonly tensor: string; readonly shape: readonly number[] }
  | { readonly op: 'pickle'; readonly hex: string }
  | { readonly op: 'member-truncate'; readonly member: string; readonly bytes: number }
  | { readonly op: 'member-delete'; readonly member: string }
  | {
      readonly op: 'state'
      readonly delete?: string
      readonly zeros?: readonly [string, readonly number[]]
      readonly value?: readonly [string, Pickled]
    }

export interface Recipe {
  readonly name: string
  readonly case: string
  readonly file: string
  readonly change: Change
  readonly outcome: 'error' | 'report' | 'ok' | 'either'
  readonly when: 'load' | 'run'
  readonly kind?: string
  readonly mentions: readonly string[]
}

const ascii = (text: string) => new TextEncoder().encode(text)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const changedAt = (
  value: Json,
  path: Path,
  change: (parent: Record<string | number, Json>, key: string | number) => void,
): Json => {
  const copy = structuredClone(value)
  const parent = path.slice(0, -1).reduce((at, step) => (at as Record<string | number, Json>)[step]!, copy)
  change(parent as Record<string | number, Json>, path.at(-1)!)
  return copy
}
const set = (value: Json, path: Path, to: Json): Json =>
  path.length === 0 ? to : changedAt(value, path, (parent, key) => (parent[key] = to))
const removed = (value: Json, path: Path): Json =>
  changedAt(value, path, (parent, key) =>
    Array.isArray(parent) ? parent.splice(Number(key), 1) : Reflect.deleteProperty(parent, key),
  )

interface Place {
  dtype: string
  shape: readonly number[]
  data_offsets: readonly number[]
}
type Header = Record<string, Place>

const parts = (bytes: Uint8Array): { readonly header: Header; readonly body: Uint8Array } => {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  return { header: JSON.parse(text(bytes.subarray(8, 8 + length))) as Header, body: bytes.subarray(8 + length) }
}

/** A sound file of the tensors `keep` leaves, one after another. */
const repacked = (bytes: Uint8Array, keep: (header: Header) => Header, extra = new Uint8Array(0)): Uint8Array => {
  const { header, body } = parts(bytes)
  const { __metadata__, ...tensors } = header
  const all = concatenated(body, extra)
  const pieces: Uint8Array[] = []
  let end = 0
  const entries = Object.entries(keep(tensors)).map(([name, place]) => {
    const piece = all.subarray(place.data_offsets[0], place.data_offsets[1])
    pieces.push(piece)
    end += piece.length
    return [name, { ...place, data_offsets: [end - piece.length, end] }] as const
  })
  const about = __metadata__ ? { __metadata__ } : {}
  return safetensorsWith({ ...about, ...Object.fromEntries(entries) }, concatenated(...pieces))
}

const rezipped = (zip: Uint8Array, change: (name: string, bytes: Uint8Array) => Uint8Array | undefined): Uint8Array =>
  storedZip(
    new Map(
      [...membersOf(zip)].flatMap(([name, bytes]) => {
        const next = change(name, bytes)
        return next ? [[name, next] as const] : []
      }),
    ),
  )

const types = { F32: 'Float', BF16: 'BFloat16' } as Record<string, string>

/** A checkpoint written again with another dictionary. */
const restated = async (zip: Uint8Array, change: Extract<Change, { op: 'state' }>): Promise<Uint8Array> => {
  const read = await readTorch(bytesSource('checkpoint', zip))()
  if (E.isLeft(read)) throw new Error(read.left.message)
  const storages = new Map<string, Uint8Array>()
  const state = new Map<string, Pickled>()
  const store = (name: string, type: string, shape: readonly number[], bytes: Uint8Array, size: number) => {
    const storage = String(storages.size)
    storages.set(storage, bytes)
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1))
    state.set(name, { storage, type, length: bytes.length / size, offset: 0, shape, strides })
  }
  for (const [name, entry] of read.right.tensors) {
    const bytes = await entry.bytes()
    if (E.isLeft(bytes)) throw new Error(bytes.left.message)
    if (name !== change.delete) store(name, types[entry.dtype]!, entry.shape, bytes.right, dtypeBytes[entry.dtype])
  }
  if (change.zeros) {
    const [name, shape] = change.zeros
    store(name, 'Float', shape, new Uint8Array(4 * shape.reduce((product, n) => product * n, 1)), 4)
  }
  if (change.value) state.set(...change.value)
  return torchZip(pickled(new Map([['state_dict', state]])), storages)
}

/** The bytes of the file after the change; undefined: the file is gone. */
export const broken = async (bytes: Uint8Array, change: Change): Promise<Uint8Array | undefined> => {
  switch (change.op) {
    case 'delete':
      return undefined
    case 'text':
      return ascii(change.text)
    case 'replace':
      return ascii(text(bytes).replace(change.find, () => change.with))
    case 'truncate':
      return bytes.slice(0, change.bytes)
    case 'overwrite': {
      const raw = fromHex(change.hex)
      return concatenated(bytes.slice(0, change.offset), raw, bytes.slice(change.offset + raw.length))
    }
    case 'json-set':
      return ascii(JSON.stringify(set(JSON.parse(text(bytes)) as Json, change.path, change.value)))
    case 'json-delete':
      return ascii(JSON.stringify(removed(JSON.parse(text(bytes)) as Json, change.path)))
    case 'header-length':
      return concatenated(little(8, BigInt(change.length)), bytes.slice(8))
    case 'header-set': {
      const { header, body } = parts(bytes)
      return safetensorsWith(set(header as unknown as Json, change.path, change.value), body)
    }
    case 'header-shift': {
      const { header, body } = parts(bytes)
      const place = header[change.tensor]!
      const data_offsets = place.data_offsets.map((offset, i) => offset + change.by[i]!)
      return safetensorsWith({ ...header, [change.tensor]: { ...place, data_offsets } }, body)
    }
    case 'tensor-delete':
      return repacked(bytes, header =>
        Object.fromEntries(Object.entries(header).filter(([name]) => name !== change.tensor)),
      )
    case 'tensor-add': {
      const size = 4 * change.shape.reduce((product, n) => product * n, 1)
      const at = parts(bytes).body.length
      const place = { dtype: 'F32', shape: change.shape, data_offsets: [at, at + size] }
      return repacked(bytes, header => ({ ...header, [change.tensor]: place }), new Uint8Array(size))
    }
    case 'pickle':
      return rezipped(bytes, (name, raw) => (name.endsWith('/data.pkl') ? fromHex(change.hex) : raw))
    case 'member-truncate':
      return rezipped(bytes, (name, raw) => (name.endsWith(change.member) ? raw.slice(0, change.bytes) : raw))
    case 'member-delete':
      return rezipped(bytes, (name, raw) => (name.endsWith(change.member) ? undefined : raw))
    case 'state':
      return restated(bytes, change)
  }
}
