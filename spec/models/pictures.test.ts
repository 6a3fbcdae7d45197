/**
 * The host's half of a picture's way into the model, against MG-LLaVA's own data set class, transformers' processors
 * and Pillow: decoding, padding, resizing (every byte), normalising, the low-resolution view.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePicture } from '../../lib/node/pictures.ts'
import {
  bilinear,
  centerCrop,
  clipPicture,
  clipMean,
  exact,
  framePicture,
  meanColour,
  mgPicture,
  mgVideo,
  owlv2Picture,
  owlv2Resized,
  padToSquare,
  type Picture,
  ramPicture,
  resizeMiddle,
  resizePadded,
  resizePil,
  shortestEdge,
} from '../../models/pictures/index.ts'
import { goldenTensors } from '../golden/tensors.ts'
import { goldenCases } from '../golden/where.ts'

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
const decoded = async (bytes: Uint8Array, name = 'picture') => {
  const result = await decodePicture(bytes, name)()
  if (result._tag === 'Left') throw new Error(result.left.message)
  return result.right
}
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Largest difference to a golden tensor, stored whole or as samples. */
const apart = (tensors: ReturnType<typeof goldenTensors>, name: string, values: Float32Array) => {
  const wanted: Iterable<number> = (tensors.get(name) ?? tensors.get(`${name}.value`))!.data
  const index = tensors.get(`${name}.index`)?.data
  return Array.from(wanted).reduce((most, value, i) => Math.max(most, Math.abs(value - values[index?.[i] ?? i]!)), 0)
}

describe('preprocess goldens', () => {
  const cases = goldenCases('vision/preprocess')
  it('are there', () => expect(cases.length).toBeGreaterThan(0))

  for (const { name, folder } of cases) {
    const golden = json(join(folder, 'case.json'))
    const tensors = goldenTensors(join(folder, 'outputs.safetensors'))
    const rgb: Picture = { width: golden.width, height: golden.height, data: tensors.get('rgb')!.data as Uint8Array }
    const expectBytes = (tensor: string, picture: Picture) => {
      const { shape, sha256: hash } = golden.tensors[tensor]
      expect([picture.height, picture.width, 3], tensor).toEqual(shape)
      expect(sha256(picture.data), tensor).toBe(hash)
    }

    it(`${name}: the file decodes to the pixels Pillow gives`, async () => {
      const picture = await decoded(readFileSync(join(folder, golden.file)))
      expect([picture.width, picture.height]).toEqual([golden.width, golden.height])
      expect(sha256(picture.data)).toBe(golden.rgb_sha256)
    })

    for (const [tag, settings] of Object.entries<Record<string, never>>(golden.pipelines)) {
      if (settings.pipeline === 'mg')
        it(`${name}: ${tag}`, () => {
          const { aux, low, pad = true } = settings as unknown as { aux: number; low: number; pad?: boolean }
          const padded = padToSquare(rgb, meanColour(clipMean))
          const { width, height } = shortestEdge(rgb.width, rgb.height, aux)
          if (pad) expectBytes(`${tag}.padded`, padded)
          expectBytes(
            `${tag}.resized`,
            pad ? resizePil(padded, aux, aux, 'bicubic') : centerCrop(resizePil(rgb, width, height, 'bicubic'), aux),
          )
          const views = mgPicture({ aux, low, pad })(rgb)
          expect(apart(tensors, `${tag}.pixel_values_aux`, views.aux)).toBeLessThanOrEqual(3e-7)
          expect(apart(tensors, `${tag}.pixel_values`, views.low)).toBeLessThanOrEqual(2e-6)
        })
      if (settings.pipeline === 'clip')
        it(`${name}: ${tag}`, () => {
          const { shortest_edge, crop } = settings as unknown as { shortest_edge: number; crop: number }
          const { width, height } = shortestEdge(rgb.width, rgb.height, shortest_edge)
          const resized = resizePil(rgb, width, height, 'bicubic')
          expectBytes(`${tag}.resized`, resized)
          expectBytes(`${tag}.cropped`, centerCrop(resized, crop))
          const values = clipPicture({ shortestEdge: shortest_edge, crop })(rgb)
          expect(apart(tensors, `${tag}.pixel_values`, values)).toBeLessThanOrEqual(3e-7)
        })
      if (settings.pipeline === 'ram')
        it(`${name}: ${tag}`, () => {
          const { size } = settings as unknown as { size: number }
          expectBytes(`${tag}.resized`, resizePil(rgb, size, size, 'bilinear'))
          expect(apart(tensors, `${tag}.pixel_values`, ramPicture({ size })(rgb))).toBeLessThanOrEqual(2e-6)
        })
      if (settings.pipeline === 'owlv2')
        it(`${name}: ${tag}`, () => {
          const { size, pad = 0.5 } = settings as unknown as { size: number; pad?: number }
          expect(apart(tensors, `${tag}.resized`, owlv2Resized({ size, pad })(rgb))).toBeLessThanOrEqual(2e-6)
          expect(apart(tensors, `${tag}.pixel_values`, owlv2Picture({ size, pad })(rgb))).toBeLessThanOrEqual(2e-6)
        })
    }
  }
})

const models = goldenCases('mg-llava', 'mg-llava.json')

describe.skipIf(models.length === 0)('pictures and frames of whole models', () => {
  for (const { name, folder } of models)
    it(name, async () => {
      const wiring = json(join(folder, 'mg-llava.json'))
      const questions: { image?: string; video?: string[] }[] = json(join(folder, 'questions.json'))
      const tensors = goldenTensors(join(folder, 'expected.safetensors'))
      const read = (file: string) => decoded(readFileSync(join(folder, file)), file)
      const low: number = wiring.low_size
      const aux: number = wiring.image_size ?? low
      for (const [i, { image, video }] of questions.entries()) {
        if (image === undefined && video === undefined) continue
        const views = video
          ? mgVideo({ aux, low })(await Promise.all(video.map(read)))
          : mgPicture({ aux, low, coordinates: exact })(await read(image!))
        for (const [tensor, values] of [
          ['pixel_values_aux', views.aux],
          ['pixel_values', views.low],
        ] as const) {
          if (tensor === 'pixel_values_aux' && wiring.image_size === null) continue
          const wanted = Array.from<number>(tensors.get(`${i}/${tensor}`)!.data)
          expect(values.length).toBe(wanted.length)
          const mean = wanted.reduce((sum, v) => sum + v, 0) / wanted.length
          const spread = Math.sqrt(wanted.reduce((sum, v) => sum + (v - mean) ** 2, 0) / wanted.length)
          expect(apart(tensors, `${i}/${tensor}`, values) / spread).toBeLessThanOrEqual(1e-6)
        }
      }
    })
})

const pictures = fc
  .record({ width: fc.integer({ min: 1, max: 23 }), height: fc.integer({ min: 1, max: 23 }) })
  .chain(({ width, height }) =>
    fc
      .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
      .map((data): Picture => ({ width, height, data })),
  )
const sides = fc.integer({ min: 1, max: 40 })

describe('short cuts', () => {
  it('resizePadded never builds the square, and gives what it would have given', () =>
    fc.assert(
      fc.property(pictures, sides, (picture, side) => {
        const square = padToSquare(picture, [122, 116, 104])
        expect(resizePadded(picture, side, [122, 116, 104])).toEqual(resizePil(square, side, side, 'bicubic'))
      }),
    ))

  it('resizeMiddle computes only the crop, and gives what the whole would have given', () =>
    fc.assert(
      fc.property(pictures, sides, sides, sides, (picture, width, height, crop) => {
        const whole = resizePil(picture, width, height, 'bicubic')
        expect(centerCrop(resizeMiddle(picture, width, height, crop), crop)).toEqual(centerCrop(whole, crop))
      }),
    ))

  it('a strip that would be a ten-gigapixel square is padded and resized', () => {
    const strip: Picture = { width: 100_000, height: 3, data: new Uint8Array(900_000).fill(255) }
    const { data } = resizePadded(strip, 16, [0, 0, 0])
    expect(data.every(value => value === 0)).toBe(true)
  })

  it('a resize of one colour keeps the colour', () =>
    fc.assert(
      fc.property(sides, sides, sides, fc.nat(255), (width, height, target, value) => {
        const plain: Picture = { width, height, data: new Uint8Array(width * height * 3).fill(value) }
        for (const filter of ['bicubic', 'bilinear'] as const)
          expect(resizePil(plain, target, target, filter).data.every(v => v === value)).toBe(true)
      }),
    ))

  it('one colour in a square stays one, whatever is blurred and wherever two taps lie', () =>
    fc.assert(
      fc.property(sides, sides, fc.nat(255), (side, size, value) => {
        const plain: Picture = { width: side, height: side, data: new Uint8Array(side * side * 3).fill(value) }
        for (const got of owlv2Resized({ size })(plain)) expect(got).toBeCloseTo(value / 255, 6)
      }),
    ))

  it('bilinear keeps a tensor whose size stays, and a frame of the wanted size is only normalised', () =>
    fc.assert(
      fc.property(sides, side => {
        const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 37) % 256)
        const picture: Picture = { width: side, height: side, data }
        const { aux, low } = mgPicture({ aux: side, low: side })(picture)
        expect(low).toEqual(aux)
        expect(bilinear(aux, [side, side], [side, side])).toEqual(aux)
        const frame = framePicture({ size: side })(picture)
        expect(frame).toEqual(aux)
      }),
    ))
})

/** A PNG file around raw rows (each begins with its filter), without the checks an encoder would make. */
const png = (
  width: number,
  height: number,
  [depth, colour, interlace]: number[],
  rows: Uint8Array,
  extra: Buffer[] = [],
) => {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth!, colour!, 0, 0, interlace!], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    ...extra,
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
const crcOf = (bytes: Uint8Array) => {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
const chunk = (name: string, body: Uint8Array) => {
  const framed = Buffer.concat([Buffer.alloc(4), Buffer.from(name, 'latin1'), body, Buffer.alloc(4)])
  framed.writeUInt32BE(body.length, 0)
  framed.writeUInt32BE(crcOf(framed.subarray(4, -4)), framed.length - 4)
  return framed
}

describe('PNG files', () => {
  const [left, up, average, paeth] = [1, 2, 3, 4]
  it('all filters are undone', async () => {
    const rows = Uint8Array.from([
      ...[left!, 10, 20, 30, 1, 2, 3],
      ...[up!, 1, 1, 1, 1, 1, 1],
      ...[average!, 5, 5, 5, 5, 5, 5],
      ...[paeth!, 255, 0, 1, 2, 3, 4],
    ])
    const picture = await decoded(png(2, 4, [8, 2, 0], rows))
    expect([...picture.data]).toEqual([
      ...[10, 20, 30, 11, 22, 33],
      ...[11, 21, 31, 12, 23, 34],
      ...[10, 15, 20, 16, 24, 32],
      ...[9, 15, 21, 18, 27, 36],
    ])
  })

  it('interlaced passes are put where they belong', async () => {
    // 3 × 2 grey: pass 1 has (0,0), pass 5 none in row 2, pass 4 (2,0), pass 6 (1,0), pass 7 row 1.
    const rows = Uint8Array.from([...[0, 10], ...[0, 12], ...[0, 11], ...[0, 20, 21, 22]])
    const picture = await decoded(png(3, 2, [8, 0, 1], rows))
    expect([...picture.data].filter((_, i) => i % 3 === 0)).toEqual([10, 11, 12, 20, 21, 22])
  })

  it('grey of few bits fills the range, 16-bit grey is clipped', async () => {
    const two = await decoded(png(4, 1, [2, 0, 0], Uint8Array.from([0, 0b00011011])))
    expect([...two.data].filter((_, i) => i % 3 === 0)).toEqual([0, 85, 170, 255])
    const deep = await decoded(png(2, 1, [16, 0, 0], Uint8Array.from([0, 0, 200, 3, 0])))
    expect([...deep.data]).toEqual([200, 200, 200, 255, 255, 255])
  })

  it('a transparent colour keeps its colour', async () => {
    const transparent = chunk('tRNS', Uint8Array.from([0, 9, 0, 8, 0, 7]))
    const picture = await decoded(png(1, 1, [8, 2, 0], Uint8Array.from([0, 9, 8, 7]), [transparent]))
    expect([...picture.data]).toEqual([9, 8, 7])
  })
})

describe('broken pictures', () => {
  const refused = async (bytes: Uint8Array) => {
    const result = await decodePicture(bytes, 'street.png')()
    if (result._tag === 'Right') throw new Error('was read')
    expect(result.left.kind).toBe('picture')
    expect(result.left.message).toContain('street.png')
    return result.left.message
  }
  const good = png(8, 8, [8, 2, 0], new Uint8Array(8 * 25))

  it('truncated anywhere', async () => {
    for (let length = 0; length < good.length - 12; length++) await refused(good.subarray(0, length))
  })
  it('damaged pixels', async () => {
    const damaged = Buffer.from(good)
    damaged.set([0xde, 0xad, 0xbe, 0xef], 45)
    expect(await refused(damaged)).toContain('IDAT')
  })
  it('no size, or one that no picture has', async () => {
    expect(await refused(png(0, 8, [8, 2, 0], new Uint8Array(8)))).toContain('0 × 8')
    expect(await refused(png(0x7fffffff, 0x7fffffff, [16, 6, 1], new Uint8Array(8)))).toContain('megapixels')
  })
  it('fewer pixels than declared costs no memory', async () => {
    const before = process.memoryUsage().arrayBuffers
    expect(await refused(png(9999, 9999, [8, 2, 0], new Uint8Array(100)))).toContain('truncated')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50e6)
  })
  it('colour types and filters that do not exist', async () => {
    expect(await refused(png(1, 1, [4, 2, 0], new Uint8Array(4)))).toContain('colour type 2 with 4 bits')
    expect(await refused(png(1, 1, [8, 2, 0], Uint8Array.from([9, 0, 0, 0])))).toContain('filter')
    expect(await refused(png(1, 1, [8, 3, 0], new Uint8Array(2)))).toContain('palette')
  })
  it('not a picture', async () => {
    expect(await refused(Buffer.from('a street\n'))).toContain('found something else')
    expect(await refused(Buffer.from('version https://git-lfs.github.com/spec/v1\n'))).toContain('git lfs pull')
    expect(await refused(new Uint8Array())).toContain('empty')
  })
  it('any bytes give pixels or an error, never an exception', () =>
    fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), async (at, value, length) => {
        const bytes = Buffer.from(good)
        bytes[at] = value
        const result = await decodePicture(bytes.subarray(0, length), 'p')()
        expect(['Left', 'Right']).toContain(result._tag)
      }),
    ))

  const jpegs = goldenCases('vision/preprocess').filter(({ folder }) =>
    json(join(folder, 'case.json')).file.endsWith('.jpg'),
  )
  it('a JPEG that is cut or lies about its size', async () => {
    expect(jpegs.length).toBeGreaterThan(0)
    const whole = readFileSync(join(jpegs[0]!.folder, 'picture.jpg'))
    for (const part of [0.02, 0.1, 0.5, 0.9]) await refused(whole.subarray(0, Math.floor(whole.length * part)))
    const frame = whole.findIndex((byte, i) => byte === 0xff && [0xc0, 0xc2].includes(whole[i + 1]!))
    const huge = Buffer.from(whole)
    huge.writeUInt32BE(0xfff0fff0, frame + 5)
    expect(await refused(huge)).toMatch(/pixel/)
  })
})
