/**
 * Between naming and the stages of the paper: the language model learns from objects as the box projector tells them, which is not as clearly
 * as with words, and without the picture's tokens, of which there are many and from which nothing of this can be learned.
 */
import { inputOf, scope, value, type Dim, type Loose } from '../../lib/index.ts'
import { withPlaces } from '../../models/box-merging.ts'
import { learningFrom, type Learning, type ViewedSample } from '../../models/learning/index.ts'
import { mlp2 } from '../../models/projector.ts'
import { featureWidth } from './naming.ts'
import { small } from './parts.ts'

/** Views that it reads. */
export const heard = ['features', 'places'] as const

/** What is seen of objects, and where they lie, of several pictures, each with as many as the most have. */
export const hearing = (): Learning<ViewedSample> => {
  const features = inputOf('features', ['pictures', 'boxes', featureWidth]) as Loose
  const places = inputOf('places', ['pictures', 'boxes', 4]) as Loose
  const project = scope('bbox_projector', mlp2(small.llm.width as Dim) as never)
  const objects = project(withPlaces(features, places) as never) as Loose
  return learningFrom(small, { objects }, samples => {
    const views = samples.map(({ shot }) => shot!.views)
    const most = Math.max(...views.map(view => view.features!.shape[0]!))
    const together = (name: (typeof heard)[number], width: number) => {
      const data = new Float32Array(views.length * most * width)
      views.forEach((view, i) => data.set(view[name]!.data, i * most * width))
      return value([views.length, most, width], data)
    }
    return { features: together('features', featureWidth), places: together('places', 4) }
  })
}
