/** Draws the pictures of the documentation: npx tsx --conditions=sluice-source examples/pictures.ts */
import { either as E } from 'fp-ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { graph } from 'sluice'
import { mgLlava, mgLlavaVicuna7b } from 'sluice/models'

const folder = fileURLToPath(new URL('../docs/pictures', import.meta.url))
const svg = await graph(mgLlava(mgLlavaVicuna7b), { depth: 0 })()
if (E.isLeft(svg)) throw new Error(svg.left.message)
mkdirSync(folder, { recursive: true })
writeFileSync(`${folder}/mg-llava.svg`, svg.right)
