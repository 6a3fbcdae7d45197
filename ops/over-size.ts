import {
  convert,
  literal,
  op,
  signatureRule,
  sizeOf,
  wgsl,
  type Dim,
  type Expr,
  type WgslHelper,
} from '../lib/index.ts'
import type { Same } from './broadcast-types.ts'

interface Attrs {
  readonly size: Dim
}
/** A size as a number of an expression. */
export const sizeAsFloat = (size: Dim): Expr =>
  typeof size === 'number' ? literal(size) : convert(sizeOf(size), 'index', 'float')

/** x divided by a size, which may be named and known only when the model runs: what means are made of. */
export const overSize: (size: Dim) => Same = op('overSize', {
  args: (size: Dim): Attrs => ({ size }),
  rule: signatureRule<Attrs>('...s -> ...s'),
  reference: ([x], { attrs, size }) => x!.data.map(v => v / size(attrs.size)),
  form: ({ attrs: { size } }) => ({
    form: 'each',
    value: (load, index) => wgsl`(${load(0, index)} / ${sizeAsFloat(size)})`,
  }),
  gradient: (dy, { attrs }) => [overSize(attrs.size)(dy)],
  sampleAttrs: draw => ({ size: draw.int(1, 9) }),
})

/** x * x in WGSL, of an argument that is written once. */
export const square: WgslHelper = {
  helper: 'square',
  code: (T, name) => `fn ${name}(x: ${T}) -> ${T} {\n  return x * x;\n}`,
}
