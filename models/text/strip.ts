/**
 * White space as Python's str.strip takes it away from both ends, which prompts and answers go through: it has the
 * separators U+001C to U+001F and U+0085, which JavaScript's trim leaves, and not U+FEFF, which trim removes.
 */
const space = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'
const leading = new RegExp(`^${space}+`)
const trailing = new RegExp(`${space}$`)

export const strip = (text: string): string => {
  let end = text.length
  while (end > 0 && trailing.test(text[end - 1]!)) end--
  return text.slice(0, end).replace(leading, '')
}
