/** The page: gets all files from the server that served it, checks, and tells that server what it found. */
import { either as E } from 'fp-ts'
import { decodePicture, memoryFolder, type Folder } from 'sluice'
import { check, type Report } from './reports.ts'
import { Supplies } from './supplies.ts'

const fetched = async (path: string): Promise<Uint8Array> => {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: the server answers ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
const folderOf = async (name: string, names: readonly string[]): Promise<Folder> => {
  const files = await Promise.all(names.map(async file => [file, await fetched(`/${name}/${file}`)] as const))
  return memoryFolder(name, new Map(files))
}
const report = async (what: Report): Promise<void> => {
  await fetch('/report', { method: 'POST', body: JSON.stringify(what) })
}
const checkHere = async (): Promise<void> => {
  const supplies = Supplies.decode(await (await fetch('/supplies.json')).json())
  if (E.isLeft(supplies)) throw new Error('the server supplies something else')
  const { seed, known, models: modelNames, modelFiles, pictures } = supplies.right
  const host = { files: await folderOf('pictures', pictures), decode: decodePicture }
  await check({ models: await folderOf('models', modelFiles), modelNames, host, known, seed, report })
}

checkHere().catch((error: unknown) => report({ kind: 'ended', why: String(error) }))
