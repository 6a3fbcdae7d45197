/**
 * How a grid is dispatched: a long row of workgroups is folded into rows of 32768, because a device allows only so many (65,535) in one
 * direction. Kernels with such grids count `group.y * 32768 + group.x` and ignore what lies beyond their work.
 */
export type Grid = readonly [x: number, y: number, z: number]

const row = 32768
export const foldGrid = ([x, y, z]: Grid, most: number): Grid =>
  x > most && y === 1 && z === 1 ? [row, Math.ceil(x / row), 1] : [x, y, z]
