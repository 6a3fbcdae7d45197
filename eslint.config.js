/**
 * What the compiler cannot say: the import conventions that keep the package loadable in plain Node and in a browser, and
 * typescript-eslint's strict rules. Layers and cycles are dependency-cruiser's (.dependency-cruiser.cjs), form is prettier's.
 */
import tseslint from 'typescript-eslint'

const deepFp = {
  regex: '^fp-ts/',
  message: "Import from the root, `import { either as E } from 'fp-ts'`: plain Node refuses fp-ts/Either.",
}
const deepIo = {
  regex: '^io-ts/(?!lib/[A-Za-z]+\\.js$)',
  message: 'Plain Node refuses io-ts/Decoder: import io-ts, or io-ts/lib/Decoder.js.',
}
const nodeOnly = {
  regex: '^(node:|(webgpu|sharp|yauzl|pngjs|fs|os|path|child_process|worker_threads)(/|$))',
  message: 'This must run in a browser: Node modules are for lib/node, bin, spec, examples and bench.',
}

export default tseslint.config(
  { ignores: ['dist/', 'out/', 'bench/out/', '.cache/', 'node_modules/', 'spec/golden/**/*.js'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strict],
    rules: {
      'no-restricted-imports': ['error', { patterns: [deepFp, deepIo] }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Under noUncheckedIndexedAccess `!` is how a loop that minds its bounds reads a typed array.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // `{}` is the unit of intersections of types.
      '@typescript-eslint/no-empty-object-type': ['error', { allowObjectTypes: 'always' }],
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'object-shorthand': 'error',
      'no-else-return': 'error',
    },
  },
  {
    files: ['lib/**/*.ts', 'ops/**/*.ts', 'models/**/*.ts'],
    ignores: ['lib/node/**'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [deepFp, deepIo, nodeOnly] }],
      'no-restricted-globals': ['error', 'process', 'Buffer', '__dirname', '__filename', 'global', 'require'],
      'no-console': 'error',
    },
  },
  {
    files: [
      'lib/**/*.ts',
      'ops/**/*.ts',
      'models/**/*.ts',
      'bin/**/*.ts',
      'spec/**/*.ts',
      'examples/**/*.ts',
      'bench/**/*.ts',
    ],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': 'error' },
  },
)
