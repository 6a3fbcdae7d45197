// cached references
import fs from 'node:fs'
import path from 'node:path'
import { reference } from './data.mjs'
const dir = new URL('../.cache/', import.meta.url).pathname
export function ref(w, kind = 'erf') {
  fs.mkdirSync(dir, { recursive: true })
  const f = path.join(dir, `ref-${w}-${kind}.json`)
  if (fs.existsSync(f)) return JSON.parse(fs.readFileSync(f, 'utf8'))
  const r = reference(w, kind)
  fs.writeFileSync(f + '.tmp' + process.pid, JSON.stringify(r))
  fs.renameSync(f + '.tmp' + process.pid, f)
  return r
}
export { compare } from './compare.mjs'
