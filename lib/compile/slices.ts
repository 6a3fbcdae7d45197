/**
 * What does not fit one binding. A device binds so many bytes of a buffer at most, often far fewer than a buffer may have. A kernel whose
 * operand is larger runs in parts: each computes a range of one axis of the result, and binds of every operand only the slice that it
 * reads or writes, found from the index expressions of its loads. So a part of a convolution has the rows of its neighbours with it, and
 * a part of a product reads its own columns of the weights. Parts are passes like any other; one after the other they fill one buffer.
 *
 * Only what has literal sizes is cut. What no cut makes fit stays whole: its reads become windows (wgsl.ts), and what it writes is refused
 * when memory is planned.
 */
import {
  axis,
  literal,
  minus,
  plus,
  rowMajor,
  times,
  unravel,
  type Contract,
  type Expr,
  type Form,
  type Reduce,
} from '../form/index.ts'
import type { Applied, Node } from '../graph/index.ts'
import { size, type Dim, type Shape } from '../shape/index.ts'
import type { KernelContext, KernelSource } from './kernel.ts'
import { storageBytes, type Storage } from './pass.ts'

/** A range of the elements of a buffer, in its order. */
export interface Slice {
  readonly first: number
  readonly count: number
}
/** The least and the most that an index can be. */
export interface Span {
  readonly low: number
  readonly high: number
}

/** Slices begin where bindings may: at whole units of 256 bytes. */
const unit = 256
export const elementsOf = (node: Node): number | undefined => {
  const count = size.prod(node.shape)
  return typeof count === 'number' ? count : undefined
}
const binds = (count: number, storage: Storage, maxBinding: number): boolean =>
  count * storageBytes[storage] <= maxBinding

/** What an index can be, over all positions of its axes; undefined where that is not known. */
export const spanOf = (x: Expr): Span | undefined => {
  switch (x.e) {
    case 'literal':
      return { low: x.value, high: x.value }
    case 'axis':
      return typeof x.extent === 'number' ? { low: 0, high: Math.max(0, x.extent - 1) } : undefined
    case 'select': {
      const [yes, no] = [spanOf(x.yes), spanOf(x.no)]
      return yes && no && { low: Math.min(yes.low, no.low), high: Math.max(yes.high, no.high) }
    }
    case 'arith': {
      const [a, b] = [spanOf(x.a), spanOf(x.b)]
      return a && b && between(x.op, a, b)
    }
    default:
      return undefined
  }
}
const between = (op: '+' | '-' | '*' | '/' | '%', a: Span, b: Span): Span | undefined => {
  if (op === '+') return { low: a.low + b.low, high: a.high + b.high }
  if (op === '-') return { low: a.low - b.high, high: a.high - b.low }
  if (op === '*') {
    const corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]
    return { low: Math.min(...corners), high: Math.max(...corners) }
  }
  const by = b.low
  if (by !== b.high || by <= 0 || a.low < 0) return undefined
  const [low, high] = [Math.floor(a.low / by), Math.floor(a.high / by)]
  if (op === '/') return { low, high }
  return low === high ? { low: a.low % by, high: a.high % by } : { low: 0, high: by - 1 }
}
export const join = (a: Span, b: Span): Span => ({ low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) })

/** The slice of a buffer that holds a span of its elements; what lies outside the buffer is never asked for. */
const sliceFor = (total: number, storage: Storage, { low, high }: Span): Slice => {
  const step = unit / storageBytes[storage]
  const first = Math.max(0, Math.min(Math.floor(low / step) * step, Math.floor((total - 1) / step) * step))
  return { first, count: Math.max(1, Math.min(high + 1, total) - first) }
}
/** The slice that is bound instead of a whole buffer: none where the whole fits, or where the slice would not. */
export const sliceOf = (
  node: Node,
  storage: Storage,
  span: Span | undefined,
  maxBinding: number,
): Slice | undefined => {
  const total = elementsOf(node)
  if (total === undefined || span === undefined || binds(total, storage, maxBinding)) return undefined
  const slice = sliceFor(total, storage, span)
  return binds(slice.count, storage, maxBinding) ? slice : undefined
}

/** A position counted from element `first` on, with constants gathered so that equal parts get equal text. */
export const countedFrom = (position: Expr, first: number): Expr => {
  if (first === 0) return position
  const [rest, constant] = apart(position)
  return plus(rest, constant - first)
}
/** What varies of a position, and what is added to that. */
const apart = (x: Expr): readonly [Expr, number] => {
  if (x.e === 'literal') return [literal(0, 'index'), x.value]
  if (x.e !== 'arith') return [x, 0]
  const [a, constantA] = apart(x.a)
  if (x.op === '*' && x.b.e === 'literal') return [times(a, x.b), constantA * x.b.value]
  if (x.op !== '+' && x.op !== '-') return [x, 0]
  const [b, constantB] = apart(x.b)
  return x.op === '+' ? [plus(a, b), constantA + constantB] : [minus(a, b), constantA - constantB]
}

// ---- parts -----------------------------------------------------------------------------------------------------------------
/** A range of positions of an axis. */
interface Range {
  readonly first: number
  readonly count: number
}
/** An axis that a kernel can be cut along: how long it is, and what the kernel is made from for a range of it. */
interface Cut {
  readonly length: number
  /** ranges but the last are whole multiples of this */
  readonly step: number
  readonly context: (range: Range) => KernelContext
}

const flat = (name: string, shape: Shape): readonly Expr[] => unravel(axis(name, size.prod(shape)), shape)
const shorter = (shape: Shape, k: number, { count }: Range): Shape => shape.map((d, i) => (i === k ? count : d))
const shifted = (index: readonly Expr[], k: number, { first }: Range): readonly Expr[] =>
  index.map((at, i) => (i === k ? plus(at, first) : at))

/** A contraction, of a range of one of its axes. */
const contractCut = (form: Contract, of: 'batch' | 'm' | 'n', k: number, range: Range): Contract => {
  const at = (name: 'batch' | 'm' | 'n', index: readonly Expr[]): readonly Expr[] =>
    name === of ? shifted(index, k, range) : index
  return {
    ...form,
    [of]: shorter(form[of], k, range),
    a: (load, batch, m, d) => form.a(load, at('batch', batch), at('m', m), d),
    b: (load, batch, n, d) => form.b(load, at('batch', batch), at('n', n), d),
    place: (batch, m, n) => form.place(at('batch', batch), at('m', m), at('n', n)),
  }
}
/** A reduction, of a range of one axis of its rows. */
const reduceCut = (form: Reduce, k: number, range: Range): Reduce => {
  const { finish, passes } = form
  return {
    ...form,
    rows: shorter(form.rows, k, range),
    passes: passes.map(pass => ({
      ...pass,
      value: (load, row, column, folded) => pass.value(load, shifted(row, k, range), column, folded),
    })),
    finish:
      finish.per === 'row'
        ? { per: 'row', value: (folded, load, row) => finish.value(folded, load, shifted(row, k, range)) }
        : {
            ...finish,
            value: (folded, load, row, column) => finish.value(folded, load, shifted(row, k, range), column),
            place: (row, column) => finish.place(shifted(row, k, range), column),
          },
  }
}

/** The axes along which a kernel can be cut. */
const cutsOf = (context: KernelContext): readonly Cut[] => {
  const { fusion, root, storageOf } = context
  const anchor = fusion.anchor(root) ?? (root.role === 'applied' ? root : undefined)
  const form = anchor === undefined ? undefined : fusion.form(anchor)
  const land = fusion.landing(root)
  const cut = (
    length: Dim,
    made: (range: Range) => { readonly form: Form; readonly landing?: typeof land; readonly at: readonly Expr[] },
  ): readonly Cut[] => {
    if (typeof length !== 'number' || length < 2) return []
    const contextOf = (range: Range): KernelContext => {
      const { form: own, landing = land, at } = made(range)
      const formOf = (node: Applied): Form => (node === anchor ? own : fusion.form(node))
      const landingOf = (node: Node): typeof land => (node === root ? landing : fusion.landing(node))
      const span = spanOf(rowMajor(landing(at), root.shape))
      const total = elementsOf(root)
      const part = span === undefined || total === undefined ? {} : { part: sliceFor(total, storageOf(root), span) }
      return { ...context, ...part, fusion: { ...fusion, form: formOf, landing: landingOf } }
    }
    return [{ length, step: 1, context: contextOf }]
  }
  if (form?.form === 'contract')
    return (['batch', 'm', 'n'] as const).flatMap(of =>
      form[of].flatMap((length, k) =>
        cut(length, range => {
          const own = contractCut(form, of, k, range)
          return { form: own, at: own.place(flat('batch', own.batch), flat('m', own.m), flat('n', own.n)) }
        }),
      ),
    )
  if (form?.form === 'reduce')
    return form.rows.flatMap((length, k) =>
      cut(length, range => {
        const own = reduceCut(form, k, range)
        const row = flat('row', own.rows)
        if (own.finish.per === 'element') return { form: own, at: own.finish.place(row, flat('column', own.columns)) }
        return { form: own, landing: index => land(shifted(index, k, range)), at: row }
      }),
    )
  if (form?.form === 'kernel') return []
  const total = elementsOf(root)
  if (total === undefined) return []
  return [
    { length: total, step: unit / storageBytes[storageOf(root)], context: range => ({ ...context, part: range }) },
  ]
}

/** How many times what a binding holds the largest of some operands has. */
const excessOf = (context: KernelContext, counts: readonly (readonly [Node, number | undefined])[]): number => {
  const { profile, storageOf } = context
  return Math.max(
    0,
    ...counts.map(([node, count]) => ((count ?? 0) * storageBytes[storageOf(node)]) / profile.maxBinding),
  )
}
const written = (context: KernelContext, { write }: KernelSource): number =>
  excessOf(context, [[context.root, write?.count ?? elementsOf(context.root)]])
/** Of the operand that a kernel reads most of, all its windows together. */
const read = (context: KernelContext, { reads }: KernelSource): number => {
  const counts = new Map<Node, number>()
  for (const { node, slice, image } of reads)
    if (image !== true) counts.set(node, (counts.get(node) ?? 0) + (slice?.count ?? elementsOf(node) ?? 0))
  return excessOf(context, [...counts])
}
/** Ways to bind what a kernel needs, the better first: a slice of every operand, or windows of what it reads. */
const ways: readonly ((context: KernelContext, kernel: KernelSource) => boolean)[] = [
  (context, kernel) => written(context, kernel) <= 1 && read(context, kernel) <= 1,
  (context, kernel) =>
    written(context, kernel) <= 1 &&
    kernel.reads.filter(r => r.image !== true).length + 1 <= context.profile.maxStorageBuffers,
]
const mostParts = 64
/** Lengths of parts that keep whole tiles and vectors whole. */
const rounded = (length: number): number => {
  const to = length > 32 ? 32 : length > 2 ? 4 : 1
  return Math.ceil(length / to) * to
}

/** The kernels that together compute a root: one, or parts of it, each with operands that fit their bindings. */
export const inParts = (context: KernelContext, make: Make): readonly KernelSource[] => {
  const whole = make(context)
  const least = Math.ceil(Math.max(written(context, whole), read(context, whole)))
  if (least <= 1) return [whole]
  const partly: Make = own => {
    const kernel = make({ ...own, like: whole.schedule })
    return own.part === undefined ? kernel : { ...kernel, write: own.part }
  }
  for (const fits of ways) {
    if (fits(context, whole)) return [whole]
    const parts = partsOf(context, partly, own => fits(context, own), least)
    if (parts !== undefined) return parts
  }
  return [whole]
}
type Make = (context: KernelContext) => KernelSource

/** Parts that fit, of all there are: along one axis, or along one whose single positions are cut again. */
const partsOf = (
  context: KernelContext,
  make: Make,
  fits: (kernel: KernelSource) => boolean,
  least: number,
): readonly KernelSource[] | undefined => {
  const cuts = cutsOf(context)
  const shared = (kernel: KernelSource, { count }: Range, { length }: Cut): KernelSource => ({
    ...kernel,
    share: ((kernel.share ?? 1) * count) / length,
  })
  // a cut along which the smallest part is still too large does not do alone
  const alone = cuts.filter(cut => {
    const smallest = { first: Math.floor(cut.length / 2 / cut.step) * cut.step, count: cut.step }
    return fits(make(cut.context(smallest)))
  })
  for (let count = least; count <= mostParts; count++)
    for (const cut of alone) {
      const ranges = rangesOf(cut.length, rounded(Math.ceil(cut.length / count / cut.step) * cut.step))
      // the middle one has neighbours on both sides
      if (ranges.length < 2 || !fits(make(cut.context(ranges[ranges.length >> 1]!)))) continue
      const parts = ranges.map(range => shared(make(cut.context(range)), range, cut))
      if (parts.every(fits)) return parts
    }
  for (const cut of cuts) {
    if (cut.length > mostParts || alone.includes(cut)) continue
    const singles = rangesOf(cut.length, 1).map(range =>
      partsOf(cut.context(range), make, fits, 2)?.map(part => shared(part, range, cut)),
    )
    if (singles.every(parts => parts !== undefined)) return singles.flat()
  }
  return undefined
}
const rangesOf = (length: number, step: number): readonly Range[] =>
  Array.from({ length: Math.ceil(length / step) }, (_, i) => ({
    first: i * step,
    count: Math.min(step, length - i * step),
  }))
