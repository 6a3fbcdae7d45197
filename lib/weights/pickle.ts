/**
 * Python's pickle, for files nobody vouches for. A pickle is a program for a stack machine; this machine builds Python's
 * plain values and never runs anything: a global is a name, an object of a class is a name with its state, and a call
 * is handed to the caller, who knows a few harmless ones and refuses the rest.
 *
 * Why not a package: pickleparser, the only one that reads protocols 0 to 5, does not end on some programs of six bytes
 * (a negative BINBYTES moves it backwards), reads negative integers as huge ones and spreads lists over the call stack.
 * Every step here takes time and memory in proportion to the bytes it reads, and their number is limited, so no program can hang or fill memory.
 *
 * Source: CPython, Lib/pickletools.py; the restrictions are those of PyTorch, torch/_weights_only_unpickler.py.
 */
import { either as E } from 'fp-ts'

/** A class or function that was named: its module and name with a dot. */
export class Global {
  readonly path: string
  constructor(path: string) {
    this.path = path
  }
}

/** An object of a class that was not run. */
export class Inert {
  readonly path: string
  readonly args: unknown
  state: unknown
  constructor(path: string, args: unknown) {
    this.path = path
    this.args = args
  }
}

/** Why a program was refused: damaged, or wanting to call something. */
export interface PickleRefusal {
  readonly kind: 'format' | 'unsafe'
  readonly why: string
}

export interface PickleCalls {
  /** what a call of a global gives; undefined: not allowed */
  readonly call: (path: string, args: readonly unknown[]) => unknown
  /** what an object outside the pickle is; undefined: not known */
  readonly persistent: (id: unknown) => unknown
}

class Refused extends Error {
  readonly refusal: PickleRefusal
  constructor(kind: PickleRefusal['kind'], why: string) {
    super(why)
    this.refusal = { kind, why }
  }
}
const damaged = (why: string): Refused => new Refused('format', why)

/**
 * The value of a pickle. None is null; int is a number, or a bigint beyond 2^53; str is a string; bytes are a Uint8Array;
 * lists and tuples are arrays; a dict is a Map; a set is a Set. Values may share parts and contain themselves.
 */
export const runPickle = (program: Uint8Array, calls: PickleCalls): E.Either<PickleRefusal, unknown> => {
  try {
    return E.right(valueOf(program, calls))
  } catch (reason) {
    if (reason instanceof Refused) return E.left(reason.refusal)
    return E.left({ kind: 'format', why: `the pickle is damaged: ${(reason as Error).message}` })
  }
}

/** Describing a tensor takes about forty steps; each may make a value of a few hundred bytes. */
const mostSteps = 2 ** 22
/** Text of a number beyond this is no number anybody saved. */
const longestNumber = 255

const integer = (value: bigint): number | bigint =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value

/** Two's complement, little-endian. */
const longOf = (bytes: Uint8Array): number | bigint => {
  const hex = Array.from(bytes.toReversed(), byte => byte.toString(16).padStart(2, '0')).join('')
  return integer(BigInt.asIntN(bytes.length * 8, BigInt(`0x0${hex}`)))
}

const valueOf = (program: Uint8Array, { call, persistent }: PickleCalls): unknown => {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength)
  const text = new TextDecoder()
  const memo = new Map<number, unknown>()
  const marks: unknown[][] = []
  let stack: unknown[] = []
  let at = 0

  const take = (length: number): number => {
    const from = at
    if (!(length >= 0 && length <= program.length - from))
      throw damaged(`the pickle ends at byte ${program.length}, inside a value`)
    at += length
    return from
  }
  const u8 = (): number => view.getUint8(take(1))
  const u16 = (): number => view.getUint16(take(2), true)
  const u32 = (): number => view.getUint32(take(4), true)
  const u64 = (): number => Number(view.getBigUint64(take(8), true))
  const bytes = (length: number): Uint8Array => {
    const from = take(length)
    return program.subarray(from, from + length)
  }
  const string = (length: number): string => text.decode(bytes(length))
  const line = (): string => {
    const end = program.indexOf(0x0a, at)
    if (end < 0) throw damaged('the pickle ends inside a line')
    const found = string(end - at)
    at++
    return found
  }
  const numberLine = (): string => {
    const found = line()
    if (found.length > longestNumber) throw damaged('a number has too many digits')
    return found
  }

  const push = (value: unknown): void => void stack.push(value)
  const pop = (): unknown => {
    if (stack.length === 0) throw damaged('the pickle takes a value that is not there')
    return stack.pop()
  }
  const top = (): unknown => {
    if (stack.length === 0) throw damaged('the pickle uses a value that is not there')
    return stack[stack.length - 1]
  }
  const popMark = (): unknown[] => {
    const items = stack
    const below = marks.pop()
    if (below === undefined) throw damaged('the pickle closes a group it did not open')
    stack = below
    return items
  }
  const fetch = (key: number): void => {
    if (!memo.has(key)) throw damaged(`the pickle recalls value ${key}, which it did not keep`)
    push(memo.get(key))
  }
  const keep = (key: number): void => void memo.set(key, top())

  const setItems = (items: readonly unknown[]): void => {
    const dict = top()
    if (!(dict instanceof Map || dict instanceof Inert) || items.length % 2 !== 0)
      throw damaged('the pickle sets an item of what is no dict')
    if (dict instanceof Map) for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1])
  }
  const append = (items: readonly unknown[]): void => {
    const list = top()
    if (!(Array.isArray(list) || list instanceof Inert)) throw damaged('the pickle appends to what is no list')
    if (Array.isArray(list)) for (const item of items) list.push(item)
  }
  const addItems = (items: readonly unknown[]): void => {
    const set = top()
    if (!(set instanceof Set)) throw damaged('the pickle adds to what is no set')
    for (const item of items) set.add(item)
  }
  const dictOf = (items: readonly unknown[]): void => {
    push(new Map())
    setItems(items)
  }
  const globalOf = (module: unknown, name: unknown): Global => {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw damaged('the pickle names a global by something that is no text')
    return new Global(`${module}.${name}`)
  }
  const invoke = (callee: unknown, args: unknown): void => {
    if (!(callee instanceof Global) || !Array.isArray(args))
      throw damaged('the pickle calls something that is no function')
    const value = call(callee.path, args)
    if (value === undefined) throw new Refused('unsafe', `it wants to call ${callee.path}`)
    push(value)
  }
  const create = (type: unknown, args: unknown): void => {
    if (!(type instanceof Global)) throw damaged('the pickle makes an object of something that is no class')
    push(new Inert(type.path, args))
  }
  const build = (state: unknown): void => {
    const object = top()
    if (object instanceof Inert) object.state = state
    else if (!(object instanceof Map)) throw damaged('the pickle gives a state to what has none')
  }
  const outsideObject = (id: unknown): void => {
    const value = persistent(id)
    if (value === undefined) throw damaged('the pickle refers to an object outside of it that is no storage')
    push(value)
  }

  const steps: Readonly<Record<number, () => void>> = {
    0x80: () => {
      // PROTO
      const protocol = u8()
      if (protocol > 5) throw damaged(`pickle protocol ${protocol} is unknown; known are 0 to 5`)
    },
    0x95: () => void take(8), // FRAME
    0x28: () => {
      // MARK
      marks.push(stack)
      stack = []
    },
    0x30: () => void pop(), // POP
    0x31: () => void popMark(), // POP_MARK
    0x32: () => push(top()), // DUP
    0x70: () => keep(Number(numberLine())), // PUT
    0x71: () => keep(u8()), // BINPUT
    0x72: () => keep(u32()), // LONG_BINPUT
    0x94: () => keep(memo.size), // MEMOIZE
    0x67: () => fetch(Number(numberLine())), // GET
    0x68: () => fetch(u8()), // BINGET
    0x6a: () => fetch(u32()), // LONG_BINGET
    0x4e: () => push(null), // NONE
    0x88: () => push(true), // NEWTRUE
    0x89: () => push(false), // NEWFALSE
    0x49: () => {
      // INT
      const digits = numberLine()
      push(digits === '01' ? true : digits === '00' ? false : integer(BigInt(digits)))
    },
    0x4c: () => push(integer(BigInt(numberLine().replace(/L$/, '')))), // LONG
    0x46: () => push(Number(numberLine())), // FLOAT
    0x4a: () => push(view.getInt32(take(4), true)), // BININT
    0x4b: () => push(u8()), // BININT1
    0x4d: () => push(u16()), // BININT2
    0x8a: () => push(longOf(bytes(u8()))), // LONG1
    0x8b: () => {
      // LONG4
      const length = u32()
      if (length > longestNumber) throw damaged('a number has too many digits')
      push(longOf(bytes(length)))
    },
    0x47: () => push(view.getFloat64(take(8), false)), // BINFLOAT
    0x53: () => push(line().replace(/^(['"])(.*)\1$/, '$2')), // STRING
    0x56: () => push(line()), // UNICODE
    0x54: () => push(string(u32())), // BINSTRING
    0x55: () => push(string(u8())), // SHORT_BINSTRING
    0x58: () => push(string(u32())), // BINUNICODE
    0x8c: () => push(string(u8())), // SHORT_BINUNICODE
    0x8d: () => push(string(u64())), // BINUNICODE8
    0x42: () => push(bytes(u32())), // BINBYTES
    0x43: () => push(bytes(u8())), // SHORT_BINBYTES
    0x8e: () => push(bytes(u64())), // BINBYTES8
    0x96: () => push(bytes(u64())), // BYTEARRAY8
    0x29: () => push([]), // EMPTY_TUPLE
    0x74: () => push(popMark()), // TUPLE
    0x85: () => push([pop()]), // TUPLE1
    0x86: () => push([pop(), pop()].reverse()), // TUPLE2
    0x87: () => push([pop(), pop(), pop()].reverse()), // TUPLE3
    0x5d: () => push([]), // EMPTY_LIST
    0x6c: () => push(popMark()), // LIST
    0x61: () => append([pop()]), // APPEND
    0x65: () => append(popMark()), // APPENDS
    0x7d: () => push(new Map()), // EMPTY_DICT
    0x64: () => dictOf(popMark()), // DICT
    0x73: () => setItems([pop(), pop()].reverse()), // SETITEM
    0x75: () => setItems(popMark()), // SETITEMS
    0x8f: () => push(new Set()), // EMPTY_SET
    0x90: () => addItems(popMark()), // ADDITEMS
    0x91: () => push(new Set(popMark())), // FROZENSET
    0x63: () => push(globalOf(line(), line())), // GLOBAL
    0x93: () => {
      // STACK_GLOBAL
      const name = pop()
      push(globalOf(pop(), name))
    },
    0x52: () => {
      // REDUCE
      const args = pop()
      invoke(pop(), args)
    },
    0x69: () => {
      // INST
      const callee = globalOf(line(), line())
      invoke(callee, popMark())
    },
    0x6f: () => {
      // OBJ
      const [callee, ...args] = popMark()
      invoke(callee, args)
    },
    0x81: () => {
      // NEWOBJ
      const args = pop()
      create(pop(), args)
    },
    0x92: () => {
      // NEWOBJ_EX
      const [keywords, args] = [pop(), pop()]
      create(pop(), [args, keywords])
    },
    0x62: () => build(pop()), // BUILD
    0x51: () => outsideObject(pop()), // BINPERSID
  }

  const stop = 0x2e
  for (let step = 0; step < mostSteps; step++) {
    const opcode = u8()
    if (opcode === stop) return pop()
    const run = steps[opcode]
    if (run === undefined)
      throw damaged(`opcode 0x${opcode.toString(16)} at byte ${at - 1} of the pickle is not one torch.save writes`)
    run()
  }
  throw damaged(`the pickle has more than ${mostSteps} steps`)
}
