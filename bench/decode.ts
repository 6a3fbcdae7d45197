/**
 * Tokens a second of stories260K, with a memory and without one, on the shared device: the same text, the same tokens, one after the other
 * in one process. `npx tsx --conditions=sluice-source bench/decode.ts [TOKENS]` (200 unless given).
 */
import { either as E } from 'fp-ts'
import { fileURLToPath } from 'node:url'
import { compile, indexInput, sharedDevice, value, type Door } from 'sluice'
import { llama, loadLlama, openLlama } from 'sluice/models'
import { argmax, slice } from 'sluice/ops'

const opened = async <A>(door: Door<A>): Promise<A> => {
  const result = await door()
  if (E.isLeft(result)) throw new Error(result.left.message)
  return result.right
}
const count = Number(process.argv[2] ?? 200)
const model = await opened(loadLlama(fileURLToPath(new URL('../examples/data/stories260K', import.meta.url))))
const { config, tokenizer, weights } = model
const ids = [tokenizer.idOf('<s>')!, ...tokenizer.encode('Once upon a time')]
const device = await opened(sharedDevice)

const session = openLlama(model)
const withMemory = async (): Promise<readonly number[]> =>
  (await opened(session.continue(ids, { maxNewTokens: count }))).generated

const last = slice({ axis: 0, start: -1 })(llama(config)(indexInput('ids', ['text'])))
const program = await opened(compile(argmax(-1)(last), { weights }))
const without = async (): Promise<readonly number[]> => {
  const all = [...ids]
  while (all.length < ids.length + count) {
    const { output } = await opened(program.run({ ids: value([all.length], all, 'index') }))
    all.push(output!.data[0]!)
  }
  return all.slice(ids.length)
}

/** The median of three, after one that warms up. */
const rateOf = async (say: () => Promise<readonly number[]>): Promise<readonly [number, readonly number[]]> => {
  const said = await say()
  const seconds: number[] = []
  for (let i = 0; i < 3; i++) {
    const start = performance.now()
    await say()
    seconds.push((performance.now() - start) / 1000)
  }
  return [said.length / seconds.sort((a, b) => a - b)[1]!, said]
}
const [fast, said] = await rateOf(withMemory)
const [slow, same] = await rateOf(without)
console.log(`${device.name}: ${said.length} tokens after ${ids.length}, the same ${said.join() === same.join()}`)
console.log(`with a memory     ${fast.toFixed(1)} tokens/s`)
console.log(`without           ${slow.toFixed(1)} tokens/s`)
console.log(`ratio             ${(fast / slow).toFixed(2)}`)
device.dispose()
