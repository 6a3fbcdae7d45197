/** The one table of tolerances, for tests. It lies in lib/check, since `sluice check` measures with it too. */
export * from '../lib/check/tolerances.ts'
