/** What a run says of itself: a line for every update in log.jsonl, and a drawing of the loss. */
import { platform } from '#platform'
import { either as E, function as F, taskEither as TE } from 'fp-ts'
import * as t from 'io-ts'
import type { Door } from '../errors.ts'
import { readJson } from '../json.ts'
import { join, textOf } from '../weights/byte-source.ts'

const codec = t.type({ iteration: t.number, loss: t.number, norm: t.number, rate: t.number })
/** One update: its last batch, the mean loss of its batches, the norm of its gradients before they were limited, its learning rate. */
export type LogLine = t.TypeOf<typeof codec>
const fileName = 'log.jsonl'

const textFor = (lines: readonly LogLine[]): string => lines.map(line => `${JSON.stringify(line)}\n`).join('')
const piece = (text: string): Door<Uint8Array> => TE.right(new TextEncoder().encode(text))

/** The lines of a log that are about batches before one; later ones, and one that was cut short, are removed from the file. */
export const reopenLog =
  (folder: string, before: number): Door<readonly LogLine[]> =>
  async () => {
    const files = await platform.files.within(folder).list()
    if (E.isLeft(files)) return files
    if (!files.right.includes(fileName)) return E.right([])
    const text = await F.pipe(platform.files.within(folder).open(fileName), TE.flatMap(textOf))()
    if (E.isLeft(text)) return text
    const lines = text.right.split('\n').flatMap((line): readonly LogLine[] => {
      const read = readJson(codec, line, fileName)
      return E.isRight(read) && read.right.iteration < before ? [read.right] : []
    })
    const written = await platform.write(join(folder, fileName), [piece(textFor(lines))])()
    return E.isLeft(written) ? written : E.right(lines)
  }
export const appendLog = (folder: string, lines: readonly LogLine[]): Door<void> =>
  platform.append(join(folder, fileName), textFor(lines))

const [width, height, left, bottom] = [720, 360, 56, 32]
/** The mean of each stretch, so that a long run is a line that can be followed. */
const smoothed = (losses: readonly number[]): readonly number[] => {
  const reach = Math.ceil(losses.length / 120)
  return losses.map((_, k) => {
    const near = losses.slice(Math.max(0, k - reach), k + reach + 1)
    return near.reduce((a, b) => a + b, 0) / near.length
  })
}
/** The loss of a run as a drawing: every update, and a mean along it. */
export const lossPlot = (lines: readonly LogLine[], title: string): string => {
  const losses = lines.map(({ loss }) => loss)
  const [low, high] = [Math.min(0, ...losses), Math.max(1e-6, ...losses)]
  const last = lines.at(-1)?.iteration ?? 1
  const x = (iteration: number): number => left + ((width - left - 12) * iteration) / Math.max(1, last)
  const y = (loss: number): number => 28 + ((height - 28 - bottom) * (high - loss)) / (high - low)
  const path = (values: readonly number[]): string =>
    values.map((v, k) => `${k === 0 ? 'M' : 'L'}${x(lines[k]!.iteration).toFixed(1)} ${y(v).toFixed(1)}`).join('')
  const ticks = Array.from({ length: 5 }, (_, k) => low + ((high - low) * k) / 4)
  const escaped = title.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<rect width="${width}" height="${height}" fill="white"/>
<text x="${left}" y="16" font-size="13">${escaped}</text>
${ticks.map(v => `<text x="${left - 6}" y="${(y(v) + 4).toFixed(1)}" text-anchor="end">${v.toPrecision(3)}</text><line x1="${left}" x2="${width - 12}" y1="${y(v).toFixed(1)}" y2="${y(v).toFixed(1)}" stroke="#ddd"/>`).join('\n')}
<text x="${left}" y="${height - 10}">0</text><text x="${width - 12}" y="${height - 10}" text-anchor="end">${last + 1} batches</text>
<path d="${path(losses)}" fill="none" stroke="#9bbbe0"/>
<path d="${path(smoothed(losses))}" fill="none" stroke="#1f4e8c" stroke-width="2"/>
</svg>
`
}
export const drawLoss = (folder: string, lines: readonly LogLine[], title: string): Door<void> =>
  platform.write(join(folder, 'loss.svg'), [piece(lossPlot(lines, title))])
