import { op, pointwise, wgslTruth, type Shape, type Tensor, type Truth, type WgslHelper } from '../lib/index.ts'

// by the bits of the exponent: WGSL allows a compiler to take comparisons with infinities as settled
const finite: WgslHelper = {
  helper: 'finite',
  code: (T, name) => {
    const [bits, truth] = T === 'f32' ? ['u32', 'bool'] : ['vec4u', 'vec4<bool>']
    const exponent = T === 'f32' ? '0x7f800000u' : 'vec4u(0x7f800000u)'
    return `fn ${name}(x: ${T}) -> ${truth} { return (bitcast<${bits}>(x) & ${exponent}) != ${exponent}; }`
  },
}

/** Is x a number that is neither infinite nor NaN? */
export const isFinite: <S extends Shape>(x: Tensor<S>) => Truth<S> = op('isFinite', {
  kinds: 'float -> truth',
  rule: '...s -> ...s',
  ...pointwise(
    x => Number(Number.isFinite(x)),
    x => wgslTruth`${finite}(${x!})`,
  ),
}) as never
