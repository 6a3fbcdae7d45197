/**
 * The fastest kernels that were found by hand for this kind of adapter (lavapipe: weights from images, activations handed round by
 * shuffles), with all sizes in their text: what the compiler's own are compared with. A row of b is one lane's, 16 bytes at a time;
 * numbers of 8 and 4 bits have one f32 scale for 32 of them.
 */
export interface StudyKernel {
  readonly wgsl: string
  readonly grid: number
  /** bytes of the weights, in their image */
  readonly bytes: number
  /** f32 scales beside them */
  readonly scales: number
}
export type StudyWeights = 'f32' | 'f16' | 'q8' | 'q4'

const range = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i)
const parts = ['x', 'y', 'z', 'w'] as const
const numbers = { f32: 4, f16: 8, q8: 16, q4: 32 } as const
const texel = (i: string): string => `vec2u((${i}) & 8191u, (${i}) >> 13u)`

const term = (weights: StudyWeights, word: string, q: number, row: number): string => {
  const shifted = (first: number, step: number, by: number): string =>
    range(4)
      .map(j => `f32((u << ${first - step * j}u) >> ${by}u) * x.${parts[j]}`)
      .join(' + ')
  switch (weights) {
    case 'f32':
      return `y${row} += dot(${word}, x);`
    case 'f16':
      return `y${row} += dot(vec4f(unpack2x16float(${word}.${parts[2 * q]}), unpack2x16float(${word}.${parts[2 * q + 1]})), x);`
    case 'q8':
      return `{ let u = bitcast<i32>(${word}.${parts[q]}); part${row} += ${shifted(24, 8, 24)}; }`
    case 'q4':
      return `{ let u = bitcast<i32>(${word}.${parts[q >> 1]}); part${row} += ${shifted(28 - (q & 1) * 16, 4, 28)}; }`
  }
}

/** y[n] = W[n, k] x[k]. k a multiple of 32, n of 8 times the rows of a lane. */
export const studyMatvec = (k: number, n: number, weights: StudyWeights): StudyKernel => {
  const per = numbers[weights]
  const rows = range(weights === 'f32' ? 2 : 4)
  const scaled = weights === 'q8' || weights === 'q4'
  const texels = 32 / per
  const load = (t: number, i: number): string => {
    const index = `((first + ${i}u) * ${k / per}u + block * ${texels}u + ${t}u) * 8u + lane`
    return `let w${t}_${i} = textureLoad(W, ${texel(index)});`
  }
  const step = (t: number): string =>
    [
      ...rows.map(i => load(t, i)),
      ...range(per / 4).map(
        q =>
          `{ let x = subgroupShuffle(mine, ${(t * per) / 4 + q}u); ${rows.map(i => term(weights, `w${t}_${i}`, q, i)).join(' ')} }`,
      ),
    ].join('\n    ')
  const scale = (i: number): string => `scales[((first + ${i}u) * ${k / 32}u + block) * 8u + lane]`
  return {
    grid: n / 8 / rows.length,
    bytes: (n * k * 16) / per,
    scales: scaled ? (n * k) / 32 : 0,
    wgsl: `enable subgroups;
@group(0) @binding(0) var W: texture_storage_2d<${weights === 'f32' ? 'rgba32float' : 'rgba32uint'}, read>;
@group(0) @binding(1) var<storage, read> X: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> Y: array<f32>;
${scaled ? '@group(0) @binding(3) var<storage, read> scales: array<f32>;\n' : ''}
@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let first = group.x * ${rows.length}u;
  ${rows.map(i => `var y${i} = 0.0;`).join(' ')}
  for (var block = 0u; block < ${k / 32}u; block++) {
    let mine = X[block * 8u + lane];
    ${scaled ? rows.map(i => `var part${i} = 0.0;`).join(' ') : ''}
    ${range(texels).map(step).join('\n    ')}
    ${scaled ? rows.map(i => `y${i} += part${i} * ${scale(i)};`).join(' ') : ''}
  }
  ${rows.map(i => `Y[(first + ${i}u) * 8u + lane] = y${i};`).join(' ')}
}
`,
  }
}

/** Y[m, n] = A[m, k] B[k, n], 16 rows by 32 columns a subgroup, both from images. k and n multiples of 32. */
export const studyMatmul = (
  m: number,
  k: number,
  n: number,
): Omit<StudyKernel, 'grid'> & { grid: [number, number] } => {
  const rows = range(16)
  const step = (s: string): string => `{ let k = (block * 8u + ${s}) * 4u;
      ${range(4)
        .map(t => `let b${t} = textureLoad(B, ${texel(`b + (k + ${t}u) * 8u`)});`)
        .join(' ')}
      ${rows.map(i => `{ let a = subgroupShuffle(a${i}, ${s}); c${i} = c${i} + a.x * b0 + a.y * b1 + a.z * b2 + a.w * b3; }`).join('\n      ')} }`
  return {
    grid: [n / 32, Math.ceil(m / 16)],
    bytes: k * n * 4,
    scales: 0,
    wgsl: `enable subgroups;
@group(0) @binding(0) var A: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var B: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> Y: array<vec4f>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 16u;
  let count = min(16u, ${m}u - row);
  let b = group.x * ${k * 8}u + lane;
  ${rows.map(i => `var c${i} = vec4f(0);`).join(' ')}
  for (var block = 0u; block < ${k / 32}u; block++) {
    ${rows.map(i => `let a${i} = textureLoad(A, ${texel(`min(row + ${i}u, ${m - 1}u) * ${k / 4}u + block * 8u + lane`)});`).join('\n    ')}
    for (var s = 0u; s < 8u; s += 2u) {
    ${step('s')}
    ${step('(s + 1u)')}
    }
  }
  var o: array<vec4f, 16>;
  ${rows.map(i => `o[${i}] = c${i};`).join(' ')}
  for (var i = 0u; i < count; i++) { Y[(row + i) * ${n / 4}u + group.x * 8u + lane] = o[i]; }
}
`,
  }
}
