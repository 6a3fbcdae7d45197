/** Pieces of the pages that examples leave: text that is safe to show, tables, pictures with boxes on them. */

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map(cell => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return `<table>\n${[cells('th', head), ...rows.map(row => cells('td', row))].join('\n')}\n</table>`
}

/** The bytes of a picture file, and what is where on it. */
export interface BoxedPicture {
  readonly bytes: Uint8Array
  readonly type: 'jpeg' | 'png'
  readonly width: number
  readonly height: number
  /** corners x1, y1, x2, y2 in pixels */
  readonly boxes: readonly { readonly corners: readonly number[]; readonly label: string }[]
}

/** The same label, the same colour. */
const hue = (label: string): number => [...label].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7)

/** A picture with its boxes as SVG, the picture within; `says` is for those who do not see it. */
export const boxedPicture = ({ bytes, type, width, height, boxes }: BoxedPicture, says: string): string => {
  const marks = boxes.map(({ corners: [left = 0, top = 0, right = 0, bottom = 0], label }) => {
    const colour = `hsl(${hue(label)} 90% 70%)`
    const [w, h] = [right - left, bottom - top]
    const box = `<rect x="${left}" y="${top}" width="${w}" height="${h}" fill="none" stroke="${colour}" stroke-width="2"/>`
    const baseline = top > 14 ? top - 4 : bottom + 12
    return `${box}<text x="${left}" y="${baseline}" fill="${colour}">${escaped(label)}</text>`
  })
  return [
    `<svg class="boxed" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(says)}">`,
    `<image href="data:image/${type};base64,${Buffer.from(bytes).toString('base64')}" width="${width}" height="${height}"/>`,
    ...marks,
    '</svg>',
  ].join('\n')
}
