/**
 * What Sluice asks of the place it runs in. `#platform` in package.json resolves to lib/node/platform.ts in Node and to
 * lib/device/browser.ts elsewhere, so that nothing outside lib/node imports a Node module.
 */
/// <reference types="@webgpu/types" preserve="true" />
import type { Door } from '../errors.ts'
import type { Folder } from '../weights/byte-source.ts'
import type { Pixels } from './pixels.ts'

export interface FoundAdapter {
  /** Fresh: an adapter gives one device only. */
  readonly adapter: GPUAdapter
  /** What was tried to find it, one line each, the successful attempt last. */
  readonly tried: readonly string[]
}

export interface Platform {
  readonly name: 'node' | 'browser'
  /** Error `no adapter`, whose message says what to do. */
  readonly findAdapter: Door<FoundAdapter>
  /** Files by the paths that a user gives. A page has none: it passes the files that its user chose. */
  readonly files: Folder
  /** A file that appears whole or not at all, in a folder that is made if need be; `write`. */
  readonly write: (file: string, pieces: Iterable<Door<Uint8Array>>) => Door<void>
  /** Text at the end of a file; `write`. */
  readonly append: (file: string, text: string) => Door<void>
  /** The pixels of a picture file's bytes; `name` is how errors call it. */
  readonly decode: (bytes: Uint8Array, name: string) => Door<Pixels>
  /** Processor cores that may work at the same time. */
  readonly cores: () => number
  /** The file that keeps what `sluice tune` measured on an adapter; undefined where there is none, or where it is not wanted. */
  readonly tuningFile: (adapter: string) => string | undefined
  /** Tells the user what is no error, where there is a terminal. */
  readonly note: (text: string) => void
  /** Bytes that the host can still give to a driver in software; undefined where the place does not say. */
  readonly availableMemory: () => number | undefined
  /** Collects what nobody holds any more, where the place lets itself be asked. */
  readonly collect: () => void
}
