/**
 * Which row of the table of tolerances an op belongs to, read off its form: expressions that only load and choose are exact, text in
 * them computes, folds and contractions accumulate. A composite without a form is as good as the steps of its meaning.
 */
import { axis, partsOf, type Expr, type Form } from '../form/index.ts'
import type { Applied } from '../graph/index.ts'
import { meaningOf, stepsOf } from './steps.ts'
import type { ToleranceClass } from './tolerances.ts'

export const toleranceClass = (node: Applied): ToleranceClass => {
  const { op, attrs, inputs, shape } = node
  const form = op.form?.({ attrs, inputs, shapes: inputs.map(i => i.shape), shape })
  if (form !== undefined) return classOfForm(form, node)
  const meaning = meaningOf(node)
  if (meaning === undefined) return 'exact'
  return together(stepsOf(meaning, inputs).flatMap(step => (step.role === 'applied' ? [toleranceClass(step)] : [])))
}

/** The class of a chain of steps. */
const together = (steps: readonly ToleranceClass[]): ToleranceClass => {
  const count = (of: ToleranceClass): number => steps.filter(s => s === of).length
  if (count('block') > 0) return 'block'
  if (count('trigonometric') > 0) return 'trigonometric'
  const sums = count('accumulate') + 2 * count('attention')
  if (sums > 3) return 'block'
  if (sums > 1) return 'attention'
  const elements = count('elementwise')
  if (sums === 1 || elements > 8) return 'accumulate'
  return elements > 0 ? 'elementwise' : 'exact'
}

const classOfForm = (form: Form, { inputs, shape }: Applied): ToleranceClass => {
  if (form.form === 'kernel') return 'attention'
  if (form.form !== 'each') return 'accumulate'
  const texts: string[] = []
  const index = shape.map((d, k) => axis(`i${k}`, d))
  visit(
    form.value((k, at) => ({ e: 'load', of: inputs[k]!, index: at }), index),
    texts,
  )
  if (texts.some(t => /\b(sin|cos|tan)\(/.test(t))) return 'trigonometric'
  return texts.length === 0 ? 'exact' : 'elementwise'
}
/** The WGSL texts in an expression of numbers. */
const visit = (x: Expr, texts: string[]): void => {
  if (x.e === 'wgsl') texts.push(x.parts.join(''), ...x.helpers.map(h => h.code('f32', h.helper)))
  for (const part of partsOf(x)) visit(part, texts)
}
