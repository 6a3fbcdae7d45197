/** Weight files made by hand for the tests, so that they can be made wrong: zips, pickles, safetensors. */

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)
export const little = (bytes: number, value: number | bigint): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n))
export const concatenated = (...parts: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0)
  return all
}
export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

/** A safetensors file with any header at all. */
export const safetensorsWith = (header: unknown, body: Uint8Array): Uint8Array => {
  const text = ascii(typeof header === 'string' ? header : JSON.stringify(header))
  return concatenated(little(8, text.length), text, body)
}

/** A zip of stored members; `zip64` writes every size and offset in the wide form. */
export const storedZip = (members: ReadonlyMap<string, Uint8Array>, { zip64 = false } = {}): Uint8Array => {
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let at = 0
  for (const [name, bytes] of members) {
    const sizes = zip64 ? little(8, 2n ** 64n - 1n) : concatenated(little(4, bytes.length), little(4, bytes.length))
    const extra = zip64
      ? concatenated(little(2, 1), little(2, 24), little(8, bytes.length), little(8, bytes.length), little(8, at))
      : new Uint8Array(0)
    const common = concatenated(little(2, 45), little(8, 0), little(4, 0), sizes, little(2, name.length))
    const local = concatenated(little(4, 0x04034b50), common, little(2, 0), ascii(name), bytes)
    const entry = [
      little(4, 0x02014b50),
      little(2, 45),
      common,
      little(2, extra.length),
      little(10, 0),
      little(4, zip64 ? 0xffffffff : at),
      ascii(name),
      extra,
    ]
    parts.push(local)
    directory.push(concatenated(...entry))
    at += local.length
  }
  const listing = concatenated(...directory)
  const end64 = [little(4, 0x06064b50), little(8, 44), little(28, 0), little(8, listing.length), little(8, at)]
  const locator = [little(4, 0x07064b50), little(4, 0), little(8, at + listing.length), little(4, 1)]
  const end = [
    little(4, 0x06054b50),
    little(8, 0),
    little(4, zip64 ? 0xffffffff : listing.length),
    little(4, zip64 ? 0xffffffff : at),
    little(2, 0),
  ]
  return concatenated(...parts, listing, ...(zip64 ? [...end64, ...locator] : []), ...end)
}

/** The members of a zip that storedZip or torch.save wrote. */
export const membersOf = (zip: Uint8Array): Map<string, Uint8Array> => {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.length)
  const end = zip.length - 22
  const members = new Map<string, Uint8Array>()
  let at = view.getUint32(end + 16, true)
  while (view.getUint32(at, true) === 0x02014b50) {
    const [name, extra, comment] = [28, 30, 32].map(field => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ]
    const local = view.getUint32(at + 42, true)
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    const text = new TextDecoder().decode(zip.subarray(at + 46, at + 46 + name))
    members.set(text, zip.slice(start, start + view.getUint32(at + 24, true)))
    at += 46 + name + extra + comment
  }
  return members
}

/** A tensor as a pickle names it. */
export interface PickledTensor {
  readonly storage: string
  /** the name of PyTorch's storage class without `Storage` */
  readonly type: string
  readonly length: number
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
}
export type Pickled = null | number | string | readonly Pickled[] | ReadonlyMap<string, Pickled> | PickledTensor

const op = (text: string): Uint8Array => ascii(text)
const byte = (code: number): Uint8Array => Uint8Array.of(code)
const tuple = (...items: readonly Uint8Array[]): Uint8Array => concatenated(op('('), ...items, op('t'))

const pickledValue = (value: Pickled): Uint8Array => {
  if (value === null) return op('N')
  if (typeof value === 'number')
    return Number.isSafeInteger(value)
      ? concatenated(byte(0x8a), byte(8), little(8, value))
      : concatenated(op('G'), new Uint8Array(new Float64Array([value]).buffer).reverse())
  if (typeof value === 'string') return concatenated(op('X'), little(4, ascii(value).length), ascii(value))
  if (value instanceof Map) {
    const items = [...(value as ReadonlyMap<string, Pickled>)].flatMap(([key, item]) => [
      pickledValue(key),
      pickledValue(item),
    ])
    return concatenated(op('}('), ...items, op('u'))
  }
  if (Array.isArray(value)) return concatenated(op(']('), ...(value as readonly Pickled[]).map(pickledValue), op('e'))
  const { storage, type, length, offset, shape, strides } = value as PickledTensor
  const place = tuple(
    pickledValue('storage'),
    op(`ctorch\n${type}Storage\n`),
    pickledValue(storage),
    pickledValue('cpu'),
    pickledValue(length),
  )
  const args = tuple(
    concatenated(place, op('Q')),
    pickledValue(offset),
    tuple(...shape.map(pickledValue)),
    tuple(...strides.map(pickledValue)),
    byte(0x89),
    op('ccollections\nOrderedDict\n)R'),
  )
  return concatenated(op('ctorch._utils\n_rebuild_tensor_v2\n'), args, op('R'))
}

/** The bytes of a pickle of protocol 2. */
export const pickled = (value: Pickled): Uint8Array => concatenated(fromHex('8002'), pickledValue(value), op('.'))

/** A checkpoint as torch.save lays it out. */
export const torchZip = (program: Uint8Array, storages: ReadonlyMap<string, Uint8Array>): Uint8Array =>
  storedZip(
    new Map([
      ['archive/data.pkl', program],
      ['archive/byteorder', ascii('little')],
      ...[...storages].map(([key, bytes]) => [`archive/data/${key}`, bytes] as const),
    ]),
  )
