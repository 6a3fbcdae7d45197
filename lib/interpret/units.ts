/** Numbers for people: 303.5 M, 366 G. Sizes that are still names stay: 1.2 G + 3.4 M·text + 512·text². */
import { showShape, type Dim, type Shape } from '../shape/index.ts'

const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E']

/**
 * Four digits and a prefix of 1000: 1234567 is '1.235 M'. Numbers below 1000 are as they are. Of an expression with more than three
 * terms, the three with the largest numbers.
 */
export const inUnits = (d: Dim): string => {
  const terms = String(d).split(' + ').map(readTerm)
  const largest = terms.toSorted((a, b) => b.by - a.by).slice(0, 3)
  const shown = terms.filter(term => largest.includes(term)).map(showTerm)
  return [...shown, ...(terms.length > 3 ? ['…'] : [])].join(' + ')
}
interface Term {
  readonly by: number
  readonly names: string
}
const readTerm = (term: string): Term => {
  const [, by = '1', names = ''] = /^(\d+(?=$|\*))?\*?(.*)$/s.exec(term) ?? []
  return { by: Number(by), names }
}
const showTerm = ({ by, names }: Term): string => {
  if (names === '') return numberInUnits(by)
  return by === 1 ? powers(names) : `${numberInUnits(by)}·${powers(names)}`
}
const numberInUnits = (n: number): string => {
  const scale = Math.min(Math.floor(Math.log10(Math.max(n, 1)) / 3), prefixes.length - 1)
  const digits = Number((n / 1000 ** scale).toPrecision(4))
  if (digits === 1000 && scale + 1 < prefixes.length) return `1 ${prefixes[scale + 1]}`
  return scale === 0 ? String(digits) : `${digits} ${prefixes[scale]}`
}
const powers = (names: string): string => {
  const factors = names.split('*')
  return [...new Set(factors)]
    .map(name => {
      const power = factors.filter(f => f === name).length
      return power === 1 ? name : `${name}${power > 3 ? `^${power}` : ['²', '³'][power - 2]}`
    })
    .join('·')
}

/** '366 GFLOP'; with names '1.2 G + 3.4 M·text FLOP'. */
export const withUnit = (d: Dim, unit: string): string => {
  const text = inUnits(d)
  if (/[+·]|[a-z]{2}/.test(text)) return `${text} ${unit}`
  return / [A-Za-z]$/.test(text) ? `${text}${unit}` : `${text} ${unit}`
}
/** [batch, 784], without the quotes that a literal needs. */
export const plainShape = (shape: Shape): string => showShape(shape).replaceAll("'", '')
