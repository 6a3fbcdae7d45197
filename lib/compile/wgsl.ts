/**
 * Printing expressions as WGSL that reads as if written by hand: shared parts get a name, the rest is inlined, parentheses only where
 * needed. Along one axis a kernel may run four positions at a time; every value is then known to be the same for all four (`uniform`),
 * consecutive (`linear`, indices only), or any four numbers (`vector`), and loads become vec4 loads where the address is linear.
 */
import { partsOf, rowMajor, type Expr, type WgslHelper } from '../form/index.ts'
import type { Kind, Node } from '../graph/index.ts'
import type { Dim } from '../shape/index.ts'
import { imageFormat, imageWidth, type ImageFormat } from './images.ts'
import { storageBytes, type Storage } from './pass.ts'
import { countedFrom, join, sliceOf, spanOf, type Slice, type Span } from './slices.ts'

export interface Text {
  readonly text: string
  /** 4: atom or call, 2: product, 1: sum, 0: anything else */
  readonly precedence: 0 | 1 | 2 | 4
  readonly spread: 'uniform' | 'linear' | 'vector'
  /** certainly a multiple of four (of a linear value: its first) */
  readonly aligned: boolean
  readonly kind: Kind
}

/** What a kernel module collects while its expressions are printed. */
export class Module {
  private readonly buffers = new Map<Node, { name: string; wide: boolean }>()
  /** buffers that are read 16 bytes at a time, whatever numbers those are */
  private readonly inUnits = new Set<Node>()
  private readonly names = new Map<string, number>()
  private readonly helpers = new Map<string, string>()
  private readonly words: Dim[] = []
  readonly nameOf: (node: Node) => string
  /** buffers that some load reads one number at a time; known from the first printing */
  readonly narrow = new Set<Node>()
  private readonly known: ReadonlySet<Node>
  /** of buffers too large to bind, which elements loads reach; undefined where that is not known */
  private readonly reach = new Map<Node, Span | undefined>()
  private readonly memory: Memory

  constructor(nameOf: (node: Node) => string, memory: Memory, narrow: ReadonlySet<Node> = new Set()) {
    this.nameOf = nameOf
    this.memory = memory
    this.known = narrow
  }
  /** What is bound, in order: a buffer above the binding limit as several windows. */
  get reads(): readonly Read[] {
    return [...this.buffers.keys()].flatMap((node): Read[] => {
      if (this.memory.images?.has(node) === true) return [{ node, image: true }]
      const slice = this.memory.slices?.get(node)
      if (slice !== undefined) return [{ node, slice }]
      const { windows, size } = windowsOf(node, this.memory)
      if (windows === 1) return [{ node }]
      const total = node.shape.reduce<number>((n, d) => n * Number(d), 1)
      return Array.from({ length: windows }, (_, w) => ({
        node,
        slice: { first: w * size, count: Math.min(size, total - w * size) },
      }))
    })
  }
  /** Which of the buffers are bound as vectors of four. */
  get vectors(): 'none' | 'some' | 'all' {
    const wide = [...this.buffers.values()].filter(b => b.wide).length
    return wide === 0 ? 'none' : wide === this.buffers.size ? 'all' : 'some'
  }
  get sizes(): readonly Dim[] {
    return this.words
  }
  /**
   * The name of a buffer in the text, and how one of its elements is read: a vector of four where it is `wide`, as it always is where the
   * buffer is read from its image.
   */
  buffer(node: Node): ReturnType<Module['loaded']> {
    this.reach.set(node, undefined)
    return this.loaded(node)
  }
  /** The same for a load whose offset is told to `reaches`. */
  loaded(node: Node): { name: string; wide: boolean; storage: Storage; at: (i: string) => string } {
    if (node === this.memory.over?.node)
      return { name: 'y', wide: this.memory.over.wide, storage: 'f32', at: i => `y[${i}]` }
    let found = this.buffers.get(node)
    const image = this.memory.images?.has(node) === true
    if (found === undefined)
      this.buffers.set(node, (found = { name: this.unique(this.nameOf(node)), wide: image || !this.known.has(node) }))
    const { name } = found
    const whole = !image && windowsOf(node, this.memory).windows === 1
    return { ...found, storage: this.memory.storageOf(node), at: i => (whole ? `${name}[${i}]` : `${name}_at(${i})`) }
  }
  /** How a kernel reads a buffer 16 bytes at a time: as vec4f where its numbers are f32, else as vec4u. */
  units(node: Node): (i: string) => string {
    this.inUnits.add(node)
    return this.buffer(node).at
  }
  /** Notes where a load reads a buffer, for the slice of it that has to be bound. */
  reaches(node: Node, offset: Expr): void {
    if (windowsOf(node, this.memory).windows === 1) return
    const [before, span] = [this.reach.get(node), spanOf(offset)]
    if (!this.reach.has(node)) this.reach.set(node, span)
    else this.reach.set(node, before && span && join(before, span))
  }
  /** Of the buffers that are too large to bind, those of which a slice will do. */
  get slices(): ReadonlyMap<Node, Slice> {
    const { storageOf, maxBinding } = this.memory
    const found = [...this.reach].map(
      ([node, span]) => [node, sliceOf(node, storageOf(node), span, maxBinding)] as const,
    )
    return new Map(found.flatMap(([node, slice]) => (slice === undefined ? [] : [[node, slice]])))
  }
  /** the element of a buffer that is the first of what is bound */
  firstOf(node: Node): number {
    return this.memory.slices?.get(node)?.first ?? 0
  }
  private unique(name: string): string {
    const n = (this.names.get(name) ?? 0) + 1
    this.names.set(name, n)
    return n === 1 ? name : `${name}${n}`
  }
  /** how WGSL reads a size */
  size(dim: Dim): string {
    if (typeof dim === 'number') return `${dim}`
    if (!this.words.includes(dim)) this.words.push(dim)
    return `sizes.${fieldName(dim)}`
  }
  helper(helper: WgslHelper, T: string): string {
    const name = T === 'f32' ? helper.helper : `${helper.helper}4`
    if (!this.helpers.has(name)) this.helpers.set(name, helper.code(T, name).trim())
    return name
  }
  /** Declarations in front of the entry point: bindings, the block of named sizes, helper functions. */
  head(
    output: { kind: Kind; wide: boolean; type?: string },
    options: { readonly enable?: readonly string[] } = {},
  ): string {
    const lines = (options.enable ?? []).map(e => `enable ${e};`)
    let binding = 0
    for (const [node, { name, wide }] of this.buffers) {
      if (this.memory.images?.has(node) === true) {
        lines.push(imageReader(name, binding++, imageFormat(this.memory.storageOf(node))))
        continue
      }
      const storage = this.memory.storageOf(node)
      const inUnits = this.inUnits.has(node)
      const type = inUnits ? unitType(storage) : elementType(node.kind, storage, wide)
      const { windows, size } = windowsOf(node, this.memory)
      const names = windows === 1 ? [name] : Array.from({ length: windows }, (_, w) => `${name}_${w}`)
      for (const n of names) lines.push(`@group(0) @binding(${binding++}) var<storage, read> ${n}: array<${type}>;`)
      const together = inUnits ? unitBytes / storageBytes[storage] : storage === 'f16' ? (wide ? 4 : 2) : wide ? 4 : 1
      if (windows > 1) lines.push(windowReader(name, type, names, size / together))
    }
    const made = output.type ?? elementType(output.kind, output.kind === 'float' ? 'f32' : 'i32', output.wide)
    lines.push(`@group(0) @binding(${binding++}) var<storage, read_write> y: array<${made}>;`)
    if (this.words.length > 0) {
      lines.push(`struct Sizes { ${this.words.map(d => `${fieldName(d)}: i32`).join(', ')} }`)
      lines.push(`@group(0) @binding(${binding++}) var<uniform> sizes: Sizes;`)
    }
    return [...lines, ...this.helpers.values()].join('\n')
  }
}
/** Where the numbers of nodes lie: how each is stored, and how many bytes one binding may have. */
export interface Memory {
  readonly storageOf: (node: Node) => Storage
  readonly maxBinding: number
  /** nodes that are read from their images */
  readonly images?: ReadonlySet<Node>
  /** nodes of which only a slice is bound */
  readonly slices?: ReadonlyMap<Node, Slice>
  /** a state that the output is written over, element by element, and whether it is bound as vectors of four */
  readonly over?: { readonly node: Node; readonly wide: boolean } | undefined
}
/** One binding of a kernel: a buffer, a window of it in elements, or its image. */
export interface Read {
  readonly node: Node
  readonly image?: true
  readonly slice?: { readonly first: number; readonly count: number }
}
/** in how many windows of how many elements a buffer is bound */
const windowsOf = (node: Node, memory: Memory): { windows: number; size: number } => {
  if (memory.images?.has(node) === true || memory.slices?.has(node) === true) return { windows: 1, size: 0 }
  const storage = memory.storageOf(node)
  // windows begin at whole bindings, and at whole blocks of quantised numbers
  const least = storage === 'q8' || storage === 'q4' ? 4096 : 256 / storageBytes[storage]
  const size = Math.floor(memory.maxBinding / (least * storageBytes[storage])) * least
  const elements = node.shape.reduce<number>((n, d) => n * (typeof d === 'number' ? d : 1), 1)
  const literal = node.shape.every(d => typeof d === 'number')
  return { windows: literal ? Math.max(1, Math.ceil(elements / size)) : 1, size }
}
const windowReader = (name: string, type: string, names: readonly string[], size: number): string => {
  const last = names.length - 1
  const steps = names.slice(0, last).map((n, w) => `  if (i < ${(w + 1) * size}) { return ${n}[i - ${w * size}]; }`)
  return `fn ${name}_at(i: i32) -> ${type} {\n${[...steps, `  return ${names[last] as string}[i - ${last * size}];`].join('\n')}\n}`
}
/** An image, and the function that reads its texel i. */
const imageReader = (name: string, binding: number, format: ImageFormat): string => {
  const type = format === 'rgba32float' ? 'vec4f' : 'vec4u'
  return `@group(0) @binding(${binding}) var ${name}: texture_storage_2d<${format}, read>;
fn ${name}_at(i: i32) -> ${type} { return textureLoad(${name}, vec2i(i & ${imageWidth - 1}, i >> ${Math.log2(imageWidth)})); }`
}
const unitBytes = 16
const unitType = (storage: Storage): string => (storage === 'f32' ? 'vec4f' : 'vec4u')
const elementType = (kind: Kind, storage: Storage, wide: boolean): string => {
  if (storage === 'f16') return wide ? 'vec2u' : 'u32'
  if (kind === 'float') return wide ? 'vec4f' : 'f32'
  return wide ? 'vec4i' : 'i32'
}
const fieldName = (dim: Dim): string =>
  String(dim)
    .replaceAll(' + ', '_plus_')
    .replaceAll('+', '_plus_')
    .replaceAll('*', '_times_')
    .replaceAll('·', '_times_')
    .replace(/[^A-Za-z0-9_]+/g, '_')
    .replace(/^(\d)/, 'n$1')
    .replace(/_+$/, '')

/** Where the printed code stands: what axes and accumulators are called there, and along which axis it runs four at a time. */
export interface Place {
  readonly axis: (name: string) => string
  readonly folded?: (name: string) => Text
  /** the axis that runs four at a time; its text gives the first, a multiple of four */
  readonly four?: string
  /** texts whose quarter has a name of its own: i is q * 4 */
  readonly quarters?: Readonly<Record<string, string>>
}

/** Prints expressions into one block of statements. */
export class Block {
  readonly lines: string[] = []
  private readonly module: Module
  private readonly place: Place
  private readonly ids = new Map<string, number>()
  private readonly idOf = new Map<Expr, number>()
  private readonly uses = new Map<number, number>()
  private readonly made = new Map<number, Text>()
  private readonly prefix: string
  private count = 0

  constructor(module: Module, place: Place, prefix = 'v') {
    this.module = module
    this.place = place
    this.prefix = prefix
  }

  /** The texts of some expressions that are used together: what they share is computed once, in `lines`. */
  print(...exprs: readonly Expr[]): readonly Text[] {
    for (const x of exprs) this.countUses(x)
    return exprs.map(x => this.text(x))
  }

  private intern(x: Expr): number {
    const known = this.idOf.get(x)
    if (known !== undefined) return known
    const key = this.keyOf(x)
    const id = this.ids.get(key) ?? this.ids.size
    this.ids.set(key, id)
    this.idOf.set(x, id)
    return id
  }
  private keyOf(x: Expr): string {
    const i = (y: Expr): number => this.intern(y)
    switch (x.e) {
      case 'literal':
        return `${x.value}${x.kind}`
      case 'size':
        return `size ${x.dim}`
      case 'axis':
        return `axis ${x.axis}`
      case 'folded':
        return `folded ${x.name}`
      case 'load':
        return `load ${this.module.loaded(x.of).name} ${i(rowMajor(x.index, x.of.shape))}`
      case 'arith':
      case 'compare':
        return `${x.op} ${i(x.a)} ${i(x.b)}`
      case 'and':
        return `and ${i(x.a)} ${i(x.b)}`
      case 'select':
        return `select ${i(x.cond)} ${i(x.yes)} ${i(x.no)}`
      case 'convert':
        return `${x.from} to ${x.to} ${i(x.x)}`
      case 'wgsl':
        return `${x.parts.join('\u0001')} ${x.holes.map(i).join(' ')}`
    }
  }
  private countUses(x: Expr): void {
    const id = this.intern(x)
    const n = this.uses.get(id) ?? 0
    this.uses.set(id, n + 1)
    if (n === 0) for (const child of this.childrenOf(x)) this.countUses(child)
  }
  private childrenOf(x: Expr): readonly Expr[] {
    return x.e === 'load' ? [this.offset(x)] : partsOf(x)
  }
  private readonly offsets = new Map<Expr, Expr>()
  private offset(x: Expr & { e: 'load' }): Expr {
    const known = this.offsets.get(x)
    if (known !== undefined) return known
    const offset = rowMajor(x.index, x.of.shape)
    this.module.reaches(x.of, offset)
    const made = countedFrom(offset, this.module.firstOf(x.of))
    this.offsets.set(x, made)
    return made
  }

  private text(x: Expr): Text {
    const id = this.intern(x)
    const known = this.made.get(id)
    if (known !== undefined) return known
    const fresh = this.write(x)
    const heavy = fresh.precedence < 4 || /[([]/.test(fresh.text)
    const shared = (this.uses.get(id) ?? 0) > 1 && heavy && x.e !== 'literal' && x.e !== 'size'
    const text = shared ? this.name(fresh) : fresh
    this.made.set(id, text)
    return text
  }
  private name(t: Text): Text {
    const name = `${this.prefix}${this.count++}`
    this.lines.push(`let ${name} = ${t.text};`)
    return { ...t, text: name, precedence: 4 }
  }

  private write(x: Expr): Text {
    switch (x.e) {
      case 'literal':
        return literalText(x.value, x.kind)
      case 'size':
        return { text: this.module.size(x.dim), precedence: 4, spread: 'uniform', aligned: false, kind: 'index' }
      case 'axis': {
        const four = x.axis === this.place.four
        const text = this.place.axis(x.axis)
        return {
          text,
          precedence: /^\w+$/.test(text) ? 4 : 0,
          spread: four ? 'linear' : 'uniform',
          aligned: four,
          kind: 'index',
        }
      }
      case 'folded': {
        const text = this.place.folded?.(x.name)
        if (text === undefined) throw new Error(`'${x.name}' is not folded here`)
        return text
      }
      case 'arith':
        return this.arithmetic(x.op, this.text(x.a), this.text(x.b), x.b)
      case 'compare':
        return infix(x.op, this.text(x.a), this.text(x.b), 'truth')
      case 'and': {
        const [a, b] = [this.text(x.a), this.text(x.b)]
        return a.spread === 'uniform' && b.spread === 'uniform' ? infix('&&', a, b, 'truth') : infix('&', a, b, 'truth')
      }
      case 'select':
        return this.select(this.text(x.cond), this.text(x.yes), this.text(x.no))
      case 'convert':
        return convertText(this.text(x.x), x.to)
      case 'load':
        return this.load(x.of, this.text(this.offset(x)))
      case 'wgsl':
        return this.template(x)
    }
  }

  private arithmetic(op: string, a: Text, b: Text, divisor: Expr): Text {
    const four = divisor.e === 'literal' && divisor.value % 4 === 0
    const linear = (aligned: boolean, spread: Text['spread'] = 'linear'): Text => ({
      ...infix(op, single(a), single(b), 'index'),
      spread,
      aligned,
    })
    if (a.spread === 'uniform' && b.spread === 'uniform') {
      const aligned =
        op === '*'
          ? a.aligned || b.aligned
          : op === '%'
            ? a.aligned && four
            : op === '/'
              ? false
              : a.aligned && b.aligned
      return { ...infix(op, a, b, 'index'), aligned }
    }
    if (
      op === '+' &&
      (a.spread === 'uniform' || b.spread === 'uniform') &&
      a.spread !== 'vector' &&
      b.spread !== 'vector'
    )
      return linear(a.aligned && b.aligned)
    if (op === '-' && a.spread === 'linear' && b.spread === 'uniform') return linear(a.aligned && b.aligned)
    if (op === '/' && a.spread === 'linear' && a.aligned && four) return linear(false, 'uniform')
    if (op === '%' && a.spread === 'linear' && a.aligned && four) return linear(true)
    return infix(op, a, b, 'index')
  }
  private select(cond: Text, yes: Text, no: Text): Text {
    if (cond.spread === 'uniform' && yes.spread === no.spread && yes.spread !== 'vector')
      return {
        text: `select(${no.text}, ${yes.text}, ${cond.text})`,
        precedence: 4,
        spread: yes.spread,
        aligned: yes.aligned && no.aligned,
        kind: yes.kind,
      }
    const [a, b] = [widen(yes), widen(no)]
    return {
      text: `select(${b.text}, ${a.text}, ${cond.text})`,
      precedence: 4,
      spread: 'vector',
      aligned: false,
      kind: yes.kind,
    }
  }

  private load(node: Node, at: Text): Text {
    const { at: read, wide, storage } = this.module.loaded(node)
    const made = (text: string, spread: Text['spread'], precedence: Text['precedence'] = 4): Text => ({
      text,
      precedence,
      spread,
      aligned: false,
      kind: node.kind,
    })
    const truth = (text: string, spread: Text['spread']): Text =>
      node.kind === 'truth'
        ? made(spread === 'uniform' ? `${text} != 0` : `${text} != vec4i(0)`, spread, 0)
        : made(text, spread)
    if (at.spread === 'linear' && at.aligned && wide) {
      const quad = read(this.place.quarters?.[at.text] ?? `${wrap(at, 2)} / 4`)
      return storage === 'f16' ? made(`halves(${quad})`, 'vector') : truth(quad, 'vector')
    }
    this.module.narrow.add(node)
    const one = (i: string): string => {
      if (wide) return `${read(`(${i}) / 4`)}[(${i}) % 4]`
      if (storage === 'f16') return `unpack2x16float(${read(`(${i}) / 2`)})[(${i}) % 2]`
      return read(i)
    }
    if (at.spread === 'uniform') return truth(one(at.text), 'uniform')
    const first = at.precedence < 4 ? this.name(at).text : at.text
    const parts =
      at.spread === 'linear'
        ? ['', ' + 1', ' + 2', ' + 3'].map(d => one(`${first}${d}`))
        : ['x', 'y', 'z', 'w'].map(c => one(`${first}.${c}`))
    return truth(`${node.kind === 'float' ? 'vec4f' : 'vec4i'}(${parts.join(', ')})`, 'vector')
  }

  private template(x: Expr & { e: 'wgsl' }): Text {
    const holes = x.holes.map(h => this.text(h))
    const wide = holes.some(h => h.spread !== 'uniform')
    const T = wide ? 'vec4f' : 'f32'
    const names = new Map(x.helpers.map(h => [h.helper, this.module.helper(h, T)]))
    const operators = x.parts.every(p => /^[\s()+\-*/]*$/.test(p))
    const text = x.parts.reduce((done, part, i) => {
      const hole = holes[i - 1] as Text
      const before = x.parts[i - 1] ?? ''
      const alone = /[(,]\s*$/.test(before) && /^\s*[),]/.test(part)
      const value = wide && !(operators && hole.spread === 'uniform' && hole.kind === 'float') ? widen(hole) : hole
      return `${done}${alone ? value.text : wrap(value, 4)}${part}`
    })
    const named = [...names].reduce((t, [helper, name]) => t.replaceAll(`@${helper}(`, `${name}(`), text)
    const bare = stripParentheses(named)
    const spread = wide ? 'vector' : 'uniform'
    if (bare !== named) return { text: bare, precedence: 0, spread, aligned: false, kind: x.kind }
    return {
      text: named,
      precedence: /^[\w.]+\(.*\)$/.test(named) && closesAtEnd(named) ? 4 : 0,
      spread,
      aligned: false,
      kind: x.kind,
    }
  }
}

const closesAtEnd = (text: string): boolean => {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++
    if (text[i] === ')' && --depth === 0) return i === text.length - 1
  }
  return false
}
const stripParentheses = (text: string): string =>
  text.startsWith('(') && closesAtEnd(text) ? text.slice(1, -1) : text
export const wrap = (t: Text, precedence: number): string => (t.precedence < precedence ? `(${t.text})` : t.text)
const single = (t: Text): Text => ({ ...t, spread: 'uniform' })

const infix = (op: string, a: Text, b: Text, kind: Kind): Text => {
  const level = op === '*' || op === '/' || op === '%' ? 2 : op === '+' || op === '-' ? 1 : 0
  const wide = a.spread !== 'uniform' || b.spread !== 'uniform'
  const [left, right] = wide ? [widen(a), widen(b)] : [a, b]
  // a*b+c needs no parentheses; a/b%c and a-(b-c) do
  const l =
    level === 0
      ? wrap(left, 1)
      : level === 2 && op !== '*'
        ? wrap(left, left.precedence === 2 ? 4 : 2)
        : wrap(left, level)
  const r = level === 0 ? wrap(right, 1) : op === '+' ? wrap(right, 1) : wrap(right, op === '-' ? 2 : 4)
  return { text: `${l} ${op} ${r}`, precedence: level, spread: wide ? 'vector' : 'uniform', aligned: false, kind }
}
/** The value as four numbers. */
export const widen = (t: Text): Text => {
  if (t.spread === 'vector') return t
  if (t.spread === 'linear')
    return { ...t, text: `${wrap(t, 1)} + vec4i(0, 1, 2, 3)`, precedence: 1, spread: 'vector', aligned: false }
  const T = t.kind === 'float' ? 'vec4f' : t.kind === 'index' ? 'vec4i' : 'vec4<bool>'
  return { ...t, text: `${T}(${t.text})`, precedence: 4, spread: 'vector', aligned: false }
}
const convertText = (t: Text, to: Kind): Text => {
  const x = t.spread === 'linear' ? widen(t) : t
  const wide = x.spread === 'vector'
  const text =
    to === 'truth'
      ? `${wrap(x, 1)} != ${wide ? (x.kind === 'float' ? 'vec4f(0.0)' : 'vec4i(0)') : x.kind === 'float' ? '0.0' : '0'}`
      : x.kind === 'truth'
        ? `select(${to === 'float' ? (wide ? 'vec4f(0.0), vec4f(1.0)' : '0.0, 1.0') : wide ? 'vec4i(0), vec4i(1)' : '0, 1'}, ${x.text})`
        : `${to === 'float' ? (wide ? 'vec4f' : 'f32') : wide ? 'vec4i' : 'i32'}(${x.text})`
  return { text, precedence: to === 'truth' ? 0 : 4, spread: x.spread, aligned: false, kind: to }
}
/** A number as WGSL spells it; infinities and NaN have no literal and are made from bits that the compiler does not see through. */
const literalText = (value: number, kind: Kind): Text => {
  const at = { spread: 'uniform' as const, kind }
  if (kind === 'index') return { ...at, text: `${value}`, precedence: value < 0 ? 1 : 4, aligned: value % 4 === 0 }
  if (kind === 'truth') return { ...at, text: value === 0 ? 'false' : 'true', precedence: 4, aligned: false }
  return { ...at, text: floatLiteral(value), precedence: value < 0 ? 1 : 4, aligned: false }
}
const largest = 3.4028234663852886e38
export const floatLiteral = (value: number): string => {
  if (Number.isNaN(value)) throw new RangeError('a kernel cannot hold NaN as a constant')
  const finite = Math.max(-largest, Math.min(largest, value))
  const rounded = Math.fround(finite)
  // the shortest decimal that rounds to the same f32 and is itself in range, or WGSL refuses it
  const short = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(p => Number(rounded.toPrecision(p)))
  if (Object.is(rounded, -0)) return '-0.0'
  const text = String(short.find(x => Math.fround(x) === rounded && Math.abs(x) <= largest) ?? rounded)
  return /[.e]/.test(text) ? (text.includes('e') && !text.includes('.') ? text.replace('e', '.0e') : text) : `${text}.0`
}

/** What is stored into the output: truth values as 0 and 1. */
export const stored = (t: Text, wide: boolean): string => {
  const x = wide ? widen(t) : t
  if (x.kind !== 'truth') return x.text
  return wide ? `select(vec4i(0), vec4i(1), ${x.text})` : `select(0, 1, ${x.text})`
}
export const halvesHelper = 'fn halves(p: vec2u) -> vec4f { return vec4f(unpack2x16float(p.x), unpack2x16float(p.y)); }'
