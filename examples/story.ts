/** A Llama with trained weights continues a text: the same code that is the language model of MG-LLaVA, small enough to be part of a clone. */
import { either as E, taskEither as TE, function as F } from 'fp-ts'
import { compile, indexInput, value, type Door } from 'sluice'
import { llama, loadLlama, type LoadedLlama } from 'sluice/models'
import { argmax, slice } from 'sluice/ops'

/** The most likely next token, again and again, until the text ends (`<s>` and `</s>` end a story) or is long enough. */
const continued =
  ({ config, tokenizer, weights }: LoadedLlama, prompt: string, most: number): Door<string> =>
  async () => {
    const scores = llama(config)(indexInput('ids', ['text']))
    const last = slice({ axis: 0, start: -1 })(scores)
    const program = await compile(argmax(-1)(last), { weights })()
    if (E.isLeft(program)) return program
    const ends = ['<s>', '</s>'].map(tokenizer.idOf)
    const ids = [tokenizer.idOf('<s>') ?? 1, ...tokenizer.encode(prompt)]
    const start = ids.length
    while (ids.length < start + most) {
      const next = await program.right.run({ ids: value([ids.length], ids, 'index') })()
      if (E.isLeft(next)) return next
      const id = next.right.output!.data[0]!
      if (ends.includes(id)) break
      ids.push(id)
    }
    program.right.dispose()
    return E.right(tokenizer.decode(ids))
  }

/** The prompt and its continuation by stories260K. */
export const story = (prompt: string, most: number): Door<string> =>
  F.pipe(
    loadLlama('examples/data/stories260K'),
    TE.flatMap(model => continued(model, prompt, most)),
  )
