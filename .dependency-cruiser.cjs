/**
 * Which file may import which: lib <- ops <- models <- examples, nothing imports spec, lib/shape stands alone, no cycles.
 * Imports of types alone may go round, since nothing is loaded by them; and so may ops, since adjoint ops (sum and broadcast)
 * name each other in their gradients, which are called long after loading.
 */
const layer = (name, from, forbidden) => ({ name, severity: 'error', from: { path: from }, to: { path: forbidden } })

module.exports = {
  forbidden: [
    layer('lib knows no op and no model', '^lib/', '^(ops|models|examples|bin|bench)/'),
    layer('ops know no model', '^ops/', '^(models|examples|bin|bench)/'),
    layer('models stand below programs', '^models/', '^(examples|bin|bench)/'),
    layer('nothing imports spec', '^(lib|ops|models|examples|bin)/', '^spec/'),
    {
      name: 'shapes stand alone',
      severity: 'error',
      from: { path: '^lib/shape/' },
      to: { pathNot: '^lib/shape/' },
    },
    {
      name: 'Node stays in lib/node',
      severity: 'error',
      from: { path: '^(lib|ops|models)/', pathNot: '^lib/node/' },
      to: { path: '^lib/node/', pathNot: '^lib/node/platform\\.ts$' },
    },
    {
      name: 'no cycles',
      severity: 'error',
      from: { pathNot: '^ops/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'everything imported exists',
      severity: 'error',
      from: {},
      // A package of declarations alone has nothing that resolves.
      to: { couldNotResolve: true, pathNot: '^@webgpu/types$' },
    },
    {
      name: 'the package needs no development tool',
      severity: 'error',
      from: { path: '^(lib|ops|models|bin)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|out|\\.cache|bench/peers|bench/out)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['sluice-source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.d.ts'],
    },
  },
}
