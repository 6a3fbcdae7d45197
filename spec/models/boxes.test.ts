/**
 * Box files and where their boxes land, against MG-LLaVA's own data set classes (every number), and suppression against
 * torchvision's.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SluiceError } from '../../lib/errors.ts'
import { ShapeError } from '../../lib/shape/shape-error.ts'
import {
  batchedNms,
  type BoxLimit,
  boxIou,
  cropBoxes,
  crowded,
  type Detections,
  isCrowded,
  keepAll,
  nms,
  noPictureBoxes,
  perCategory,
  perImage,
  placeBoxes,
  placeBoxesSqueezed,
  readBoxes,
  readVideoBoxes,
  scaleBoxes,
  shiftBoxes,
  takeBoxes,
} from '../../models/boxes/index.ts'
import { damaged } from './damage.ts'
import { goldenTensors } from '../golden/tensors.ts'
import { goldenCases, goldenRoots } from '../golden/where.ts'

const text = (...path: string[]) => readFileSync(join(...path), 'utf8')
const json = (...path: string[]) => JSON.parse(text(...path))
const rows = (boxes: ArrayLike<number>) =>
  Array.from({ length: boxes.length / 4 }, (_, i) => Array.from(boxes).slice(4 * i, 4 * i + 4))
const right = <A>(result: { _tag: 'Right'; right: A } | { _tag: 'Left'; left: SluiceError }): A => {
  if (result._tag === 'Left') throw new Error(result.left.message)
  return result.right
}

/** The limit that a case's settings name. */
const limitOf = (golden: Record<string, never>): BoxLimit => {
  const { path, limit_mode, limit_num, text_length, max_length } = golden as unknown as {
    path: string
    limit_mode: string
    limit_num: number | null
    text_length: number
    max_length: number
  }
  const mode = limit_mode === 'per_image' ? 'perImage' : 'perCategory'
  if (path === 'train' && isCrowded(text_length, max_length)) return crowded[mode]
  return limit_num === null ? keepAll : { perImage, perCategory }[mode](limit_num)
}

describe('boxes goldens', () => {
  const cases = goldenCases('vision/boxes')
  it('are there', () => expect(cases.length).toBeGreaterThanOrEqual(34))

  for (const { name, folder } of cases)
    it(name, () => {
      const golden = json(folder, 'case.json')
      const { width, height, aux, pad, iou_threshold: threshold, expect: wanted, encoder } = golden
      if (golden.text_only) return expect(noPictureBoxes).toEqual({ boxes: wanted.boxes[0], labels: wanted.labels })

      const detections = right(readBoxes(text(folder, 'boxes.json'), 'boxes.json', golden.id))
      const limit = limitOf(golden)
      const { scores, labels } = detections
      const shifted = pad ? shiftBoxes(detections.boxes, width, height) : Float32Array.from(detections.boxes.flat())
      expect(rows(shifted)).toEqual(wanted.after_pad)
      const kept = Array.from(batchedNms(shifted, scores, labels, threshold))
      expect(rows(takeBoxes(shifted, kept))).toEqual(wanted.after_nms.boxes)
      expect(kept.map(i => labels[i])).toEqual(wanted.after_nms.labels)

      const settings = { size: aux, threshold, limit, pad }
      if (encoder === 'siglip') {
        const placed = placeBoxesSqueezed(settings)(detections, width, height)
        expect(placed.labels).toEqual(wanted.labels)
        expect(placed.boxes.length).toBe(4 * wanted.boxes.length)
        wanted.boxes.flat().forEach((value: number, i: number) => {
          expect(Math.abs(value - placed.boxes[i]!)).toBeLessThanOrEqual(1e-4)
        })
        return
      }
      const limited = takeBoxes(shifted, limit(kept, labels))
      expect(rows(limited)).toEqual(wanted.after_limit)
      const side = Math.max(width, height)
      const scaled = scaleBoxes(limited, pad ? side : width, pad ? side : height, aux)
      expect({ boxes: rows(scaled.boxes), height: scaled.height, width: scaled.width }).toEqual(wanted.after_scale)
      const placed = placeBoxes(settings)(detections, width, height)
      expect(rows(placed.boxes)).toEqual(wanted.boxes)
      expect(placed.labels).toEqual(wanted.labels)
    })
})

const models = goldenCases('mg-llava', 'mg-llava.json')

describe.skipIf(models.length === 0)('boxes of whole models', () => {
  for (const { name, folder } of models)
    it(name, () => {
      const wiring = json(folder, 'mg-llava.json')
      const tensors = goldenTensors(join(folder, 'expected.safetensors'))
      const limit = wiring.box_limit === null ? keepAll : perCategory(wiring.box_limit)
      const settings = { size: wiring.image_size, threshold: wiring.box_threshold, limit }
      const sizeOf = (file: string) => {
        const header = readFileSync(join(folder, file))
        return [header.readUInt32BE(16), header.readUInt32BE(20)] as const
      }
      json(folder, 'questions.json').forEach((question: Record<string, never>, i: number) => {
        const {
          image,
          video,
          boxes: file,
        } = question as unknown as { image?: string; video?: string[]; boxes?: string }
        if (file === undefined) return
        const pictures = video ?? [image!]
        const detections = video
          ? right(readVideoBoxes(text(folder, file), file, video.length))
          : [right(readBoxes(text(folder, file), file))]
        const place = placeBoxes({ ...settings, pad: video === undefined })
        const placed = detections.map((frame, k) => place(frame, ...sizeOf(pictures[k]!)).boxes)
        expect(placed.map(boxes => boxes.length / 4)).toEqual(Array.from(tensors.get(`${i}/box_counts`)!.data))
        expect(placed.flatMap(boxes => Array.from(boxes))).toEqual(Array.from(tensors.get(`${i}/boxes`)!.data))
      })
    })
})

describe('suppression against torchvision', () => {
  const root = goldenRoots('ops').find(folder => existsSync(join(folder, 'nms.safetensors')))
  it.skipIf(root === undefined)('nms, batched_nms and box_iou', () => {
    const cases: { op: string; name: string; attrs: { iou_threshold: number } }[] = json(root!, 'cases.json').cases
    for (const op of ['nms', 'batched_nms', 'box_iou']) {
      const tensors = goldenTensors(join(root!, `${op}.safetensors`))
      const named = cases.filter(one => one.op === op)
      expect(named.length).toBeGreaterThan(0)
      for (const { name, attrs } of named) {
        const input = (of: string) => tensors.get(`${name}/in/${of}`)!.data as Float32Array
        const output = (of: string) => Array.from(tensors.get(`${name}/out/${of}`)!.data)
        if (op === 'nms')
          expect(Array.from(nms(input('boxes'), input('scores'), attrs.iou_threshold)), name).toEqual(output('keep'))
        if (op === 'batched_nms') {
          const kept = batchedNms(input('boxes'), input('scores'), input('labels'), attrs.iou_threshold)
          expect(Array.from(kept), name).toEqual(output('keep'))
        }
        if (op === 'box_iou') {
          const overlaps = boxIou(input('a'), input('b'))
          output('y').forEach((value, i) => expect(Math.abs(value - overlaps[i]!), name).toBeLessThanOrEqual(1e-6))
        }
      }
    }
  })
})

const pixel = fc.integer({ min: -20, max: 120 })
const box = fc.tuple(pixel, pixel, pixel, pixel)
const detected = fc
  .array(fc.record({ box, score: fc.float({ min: 0, max: 1, noNaN: true }), label: fc.constantFrom('cat', 'dog') }), {
    maxLength: 30,
  })
  .map((list): Detections => ({
    boxes: list.map(one => one.box),
    scores: list.map(one => one.score),
    labels: list.map(one => one.label),
  }))

describe('laws', () => {
  it('suppressing twice changes nothing, and scores fall', () =>
    fc.assert(
      fc.property(detected, fc.double({ min: 0, max: 1, noNaN: true }), ({ boxes, scores, labels }, threshold) => {
        const all = Float32Array.from(boxes.flat())
        const kept = Array.from(batchedNms(all, scores, labels, threshold))
        const again = batchedNms(
          takeBoxes(all, kept),
          kept.map(i => scores[i]!),
          kept.map(i => labels[i]!),
          threshold,
        )
        expect(Array.from(again)).toEqual(kept.map((_, i) => i))
        for (let i = 1; i < kept.length; i++)
          expect(Math.fround(scores[kept[i - 1]!]!)).toBeGreaterThanOrEqual(Math.fround(scores[kept[i]!]!))
      }),
    ))

  it('with one label, batchedNms is nms', () =>
    fc.assert(
      fc.property(detected, ({ boxes, scores }) => {
        const all = Float32Array.from(boxes.flat())
        expect(
          batchedNms(
            all,
            scores,
            boxes.map(() => 'x'),
            0.3,
          ),
        ).toEqual(nms(all, scores, 0.3))
      }),
    ))

  it('overlap is symmetric and 1 with itself', () =>
    fc.assert(
      fc.property(box, box, (a, b) => {
        const [one, two] = [Float32Array.from(a), Float32Array.from(b)]
        expect(boxIou(one, two)).toEqual(boxIou(two, one))
        if (a[2] > a[0] && a[3] > a[1]) expect(boxIou(one, one)[0]).toBe(1)
      }),
    ))

  it('an overlap of exactly 1/5 is suppressed at 0.2, one of 1/4 is not at 0.25', () => {
    const fifth = Float32Array.from([0, 0, 3, 1, 2, 0, 5, 1])
    expect(boxIou(fifth.subarray(0, 4), fifth.subarray(4))[0]).toBe(Math.fround(0.2))
    expect(nms(fifth, [0.9, 0.8], 0.2)).toEqual(Int32Array.of(0))
    const quarter = Float32Array.from([0, 0, 5, 1, 3, 0, 8, 1])
    expect(nms(quarter, [0.9, 0.8], 0.25)).toEqual(Int32Array.of(0, 1))
  })

  it('boxes, scores and labels that do not belong together throw, with both sizes', () => {
    const boxes = new Float32Array(20)
    for (const refused of [
      () => nms(boxes, [1, 2, 3, 4], 0.5),
      () => batchedNms(boxes, [1, 2, 3, 4, 5], [1, 2, 3, 4], 0.5),
    ]) {
      expect(refused).toThrow(ShapeError)
      expect(refused).toThrow(/5.*4/)
    }
    expect(() => boxIou(new Float32Array(5), boxes)).toThrow(ShapeError)
  })

  it('a picture always has a box, on the input', () =>
    fc.assert(
      fc.property(
        detected,
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 200 }),
        (found, width, height) => {
          const { boxes, labels } = placeBoxes({ size: 128, threshold: 0.2 })(found, width, height)
          expect(boxes.length).toBe(4 * Math.max(1, labels.length))
          expect(boxes.every(value => value >= 0 && value <= 128 && Number.isInteger(value))).toBe(true)
        },
      ),
    ))

  it('where the side times its scale falls below the size, all boxes move by one', () => {
    const scaled = scaleBoxes(Float32Array.of(0, 0, 10, 10), 47, 47, 768)
    expect(scaled.width).toBe(767)
    expect(rows(cropBoxes(scaled, ['x'], 768).boxes)).toEqual([[1, 1, 164, 164]])
  })
})

describe('box files', () => {
  const good = {
    id: 'street',
    boxes: [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [0, 0, 9, 9],
    ],
    scores: [0.5, 0.4, 0.3],
    labels: ['a', 'b', 'c'],
  }
  const refused = (value: unknown, id?: string | number) => {
    const result = readBoxes(typeof value === 'string' ? value : JSON.stringify(value), 'street.boxes.json', id)
    if (result._tag === 'Right') throw new Error('was read')
    expect(result.left.message).toContain('street.boxes.json')
    return result.left
  }
  const changed = (changes: Record<string, unknown>) => damaged(good, changes)

  it('one record, a list of one, a list by id (text or number)', () => {
    for (const value of [good, [good]])
      expect(right(readBoxes(JSON.stringify(value), 'f'))).toMatchObject({ boxes: good.boxes })
    const list = JSON.stringify([
      { ...good, id: 'x', labels: ['x', 'x', 'x'] },
      { ...good, id: 7 },
    ])
    expect(right(readBoxes(list, 'f', '7')).labels).toEqual(good.labels)
    expect(right(readBoxes(list, 'f', 'x')).labels).toEqual(['x', 'x', 'x'])
    expect(refused([good, good]).message).toContain('2 records')
    expect(refused([good], 'yard').message).toContain('"yard"')
  })

  it('only the record that is asked for must be right', () => {
    const list = JSON.stringify([
      { id: 1, boxes: 'broken' },
      { ...good, id: 2 },
    ])
    expect(right(readBoxes(list, 'f', 2)).labels).toEqual(good.labels)
    expect(refused([{ id: 1, boxes: [3] }], 1).message).toContain('[0].boxes')
  })

  const mistakes: [string, unknown, string, ...string[]][] = [
    ['not JSON', '{"boxes": [[NaN, 1, 2, 3]]}', 'format'],
    ['null', changed({ 'boxes.1.2': null }), 'field', 'boxes[1][2]', 'null'],
    ['text', changed({ 'boxes.1': ['10', '12', '30', '40'] }), 'field', 'boxes[1][0]', '"10"'],
    ['three numbers', changed({ 'boxes.2': [10, 12, 30] }), 'field', 'boxes[2]', '[10,12,30]'],
    ['five numbers', changed({ 'boxes.2': [1, 2, 3, 4, 5] }), 'field', 'boxes[2]'],
    ['flat', changed({ boxes: [10, 12, 30, 40] }), 'field', 'boxes[0]', 'a box [x1, y1, x2, y2]'],
    ['beyond numbers', changed({ 'boxes.0.0': 1e300 }), 'field', 'boxes[0][0]', '1e+300'],
    ['score beyond numbers', JSON.stringify(good).replace('0.5', '1e999'), 'field', 'scores[0]'],
    ['scores short', changed({ scores: [0.5] }), 'field', 'scores', '3 boxes', 'found 1'],
    ['score text', changed({ 'scores.0': 'high' }), 'field', 'scores[0]', 'high'],
    ['labels numbers', changed({ 'labels.2': 7 }), 'field', 'labels[2]', '7'],
    ['key absent', changed({ boxes: undefined }), 'field', 'boxes', 'nothing'],
    ['a number', 7, 'field', '7'],
    ['an empty list', [], 'field', '0 records'],
  ]
  for (const [what, value, kind, ...mentions] of mistakes)
    it(`${what} is an error that says where`, () => {
      const error = refused(value)
      expect((error.kind === 'several' ? error.errors : [error]).map(one => one.kind)).toContain(kind)
      for (const mention of mentions) expect(error.message).toContain(mention)
    })

  it('several mistakes are told together, but not all of thousands', () => {
    const two = refused(changed({ 'scores.0': 'high', labels: undefined }))
    expect(two.kind).toBe('several')
    expect(two.message).toContain('scores[0]')
    expect(two.message).toContain('labels')
    const many = refused({ ...good, boxes: Array.from({ length: 5000 }, () => null) })
    expect(many.message.split('\n').length).toBeLessThan(12)
    expect(many.message).toContain('more such mistakes')
  })

  it('inverted boxes are allowed', () => {
    expect(right(readBoxes(JSON.stringify(changed({ 'boxes.0': [80, 77, 56, 56] })), 'f')).boxes[0]).toEqual([
      80, 77, 56, 56,
    ])
  })

  it('a video has one record for each frame', () => {
    const video = JSON.stringify({ video: 'clip.mp4', frames: [good, { boxes: [], scores: [], labels: [] }] })
    expect(right(readVideoBoxes(video, 'f', 2)).map(frame => frame.boxes.length)).toEqual([3, 0])
    const result = readVideoBoxes(video, 'clip.boxes.json', 3)
    expect(result).toMatchObject({ left: { kind: 'field', file: 'clip.boxes.json' } })
    expect(result).toMatchObject({ left: { message: expect.stringMatching(/frames.*3.*2/) } })
    const short = JSON.stringify({ frames: [{ ...good, scores: [] }] })
    expect(readVideoBoxes(short, 'f', 1)).toMatchObject({
      left: { message: expect.stringContaining('frames[0].scores') },
    })
  })

  it('any text gives boxes or an error, never an exception', () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), value => {
        expect(['Left', 'Right']).toContain(readBoxes(value, 'f')._tag)
        expect(['Left', 'Right']).toContain(readVideoBoxes(value, 'f', 1)._tag)
      }),
    ))
})
