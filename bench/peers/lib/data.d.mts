/** What the TypeScript of the bench sees of data.mjs. */
export type Workload = 'matmul' | 'attn' | 'dwconv' | 'mlp' | 'mlpgrad'
export declare const WORKLOADS: readonly Workload[]
export declare const FLOPS: Readonly<Record<Workload, number>>
export declare const S: {
  readonly matmul: { readonly M: 1024; readonly K: 1024; readonly N: 1024 }
  readonly attn: { readonly H: 16; readonly T: 577; readonly D: 64 }
  readonly dwconv: { readonly C: 192; readonly H: 192; readonly W: 192; readonly R: 7; readonly pad: 3 }
  readonly mlp: { readonly T: 577; readonly C: 1024; readonly F: 4096; readonly eps: number }
}
/** Seeded numbers, row-major; weights of the mlp are [in, out]. */
export declare const inputs: (workload: Workload) => Readonly<Record<string, Float32Array>>
/** Row-major [rows, columns] to [columns, rows]. */
export declare const transpose2: (a: Float32Array, rows: number, columns: number) => Float32Array
