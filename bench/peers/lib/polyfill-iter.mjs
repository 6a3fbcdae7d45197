// @jax-js/jax uses iterator helpers (Node >= 22); Node 20 lacks them.
const IP = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()))
const def = (k, f) => {
  if (!IP[k]) Object.defineProperty(IP, k, { value: f, configurable: true, writable: true })
}
def('map', function* (f) {
  let i = 0
  for (const x of this) yield f(x, i++)
})
def('filter', function* (f) {
  let i = 0
  for (const x of this) if (f(x, i++)) yield x
})
def('flatMap', function* (f) {
  let i = 0
  for (const x of this) yield* f(x, i++)
})
def('take', function* (n) {
  if (n > 0)
    for (const x of this) {
      yield x
      if (--n <= 0) return
    }
})
def('drop', function* (n) {
  for (const x of this) if (n-- <= 0) yield x
})
def('toArray', function () {
  return [...this]
})
def('some', function (f) {
  for (const x of this) if (f(x)) return true
  return false
})
def('every', function (f) {
  for (const x of this) if (!f(x)) return false
  return true
})
def('find', function (f) {
  for (const x of this) if (f(x)) return x
})
def('reduce', function (f, a) {
  for (const x of this) a = f(a, x)
  return a
})
def('forEach', function (f) {
  for (const x of this) f(x)
})
