/** A tree drawn on the left, with columns beside it that line up. */
import { tree as T } from 'fp-ts'

export interface Row {
  readonly name: string
  /** what stands in the columns; trailing empty ones may be left out */
  readonly cells: readonly string[]
}

/** One line per row of the tree, under the names of the columns. Columns in `right` line up at their right edge. */
export const drawColumns = (titles: readonly string[], rows: T.Tree<Row>, right: readonly number[] = []): string => {
  const names = T.drawTree(T.map((row: Row) => row.name)(rows)).split('\n')
  const cells = T.reduce<Row, readonly (readonly string[])[]>([], (all, row) => [...all, row.cells])(rows)
  const lines = names.map((name, k) => [name, ...(cells[k] ?? [])])
  const used = (column: number): boolean => column === 0 || lines.some(row => (row[column] ?? '') !== '')
  const table = [['', ...titles], ...lines]
  const width = (column: number): number => (used(column) ? Math.max(...table.map(row => row[column]?.length ?? 0)) : 0)
  const widths = Array.from({ length: Math.max(...table.map(row => row.length)) }, (_, k) => width(k))
  const cell = (text: string, k: number): string =>
    right.includes(k - 1) ? text.padStart(widths[k] ?? 0) : text.padEnd(widths[k] ?? 0)
  return table
    .map(row => row.map(cell).filter((_, k) => (widths[k] ?? 0) > 0))
    .map(row => row.join('  ').trimEnd())
    .join('\n')
}

/** `layers.3` and `layers.12` are alike: only their numbers differ. */
export const alike = (a: string, b: string): boolean => numberless(a) === numberless(b)
export const numberless = (name: string): string => name.replaceAll(/\d+/g, '#')
/** Splits a list into runs in which every element goes with the first of its run. */
export const runs = <A>(
  list: readonly A[],
  together: (first: A, next: A) => boolean,
): readonly (readonly [A, ...A[]])[] => {
  const all: [A, ...A[]][] = []
  for (const a of list) {
    const last = all.at(-1)
    if (last !== undefined && together(last[0], a)) last.push(a)
    else all.push([a])
  }
  return all
}
/** 'layers.0 … layers.22: 23 x' for a run of equal blocks, the name alone for one. */
export const nameOfRun = (run: readonly [{ readonly name: string }, ...{ readonly name: string }[]]): string =>
  run.length === 1 ? run[0].name : `${run[0].name} … ${run.at(-1)?.name}: ${run.length} x`
