/** Rounding as numpy, torch and Python do it, where it decides pixels and boxes. */

/** To the nearest whole number; halves to the even one. */
export const roundHalfToEven = (x: number) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))
