/** Fresh scenes on the demo's page: the picture and its boxes, what was asked, what was said, what is true, and the gate. */
import type { SheetIndex } from '../../models/scenes/index.ts'
import { boxedPicture, escaped, table } from '../html.ts'
import { newIn, scoreOf, splitsShown, type AnsweredScene } from './show.ts'

const picture = ({ scene, png }: AnsweredScene): string => {
  const boxes = scene.things.map(({ box, label }) => ({ corners: box, label }))
  return boxedPicture({ bytes: png, type: 'png', ...scene, boxes }, `a scene of ${scene.things.length} things`)
}
const answers = ({ answers }: AnsweredScene): string =>
  table(
    ['', 'question', 'answer', 'known answer'],
    answers.map(({ right, question, said, answer }) => [right ? '✓' : '✗', question, said, answer]),
  )
const part = (scene: AnsweredScene): string =>
  [
    '<div class="scene">',
    picture(scene),
    `<div><p>Scene ${scene.k} of ${scene.split}, gate <b>${scene.gate.toFixed(4)}</b></p>`,
    `${answers(scene)}</div>`,
    '</div>',
  ].join('\n')

/** The scenes, how many answers are right, and whose drawings they are. */
export const scenesSection = (scenes: readonly AnsweredScene[], { styles }: SheetIndex): string => {
  const scores = splitsShown.map(split => {
    const [right, of] = scoreOf(scenes, split)
    return `<li>${split}, ${escaped(newIn[split])}: <b>${right} of ${of}</b> answers are right</li>`
  })
  const credits = Object.values(styles).map(({ credit, licence }) => `${escaped(credit)} (${escaped(licence)})`)
  return [
    '<p>A small MG-LLaVA that Sluice trained from nothing on scenes of emoji, asked about scenes that were drawn a moment ago from a seed it has never seen. The boxes are what a detector would give it; it is not told their labels. The gate says how far the high-resolution view is let in.</p>',
    `<ul>\n${scores.join('\n')}\n</ul>`,
    ...scenes.map(part),
    `<p><small>Emoji: ${credits.join('; ')}. They were scaled and put together; the scenes as a whole, and the weights that were trained on such scenes, are <a href="https://creativecommons.org/licenses/by-sa/4.0/">CC BY-SA 4.0</a>.</small></p>`,
  ].join('\n')
}
