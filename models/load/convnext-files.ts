/**
 * An OpenCLIP folder: the name of the model in its configuration names no public model for sure, so depths and widths are
 * read off the tensors themselves.
 */
import { either as E } from 'fp-ts'
import { fileError, type SluiceError } from '../../lib/errors.ts'
import type { TensorFile } from '../../lib/weights/tensor-file.ts'
import type { ConvNextConfig } from '../convnext.ts'
import { mostLayers } from './fields.ts'

const blockName = /^visual\.trunk\.stages\.(\d+)\.blocks\.(\d+)\.(?:gamma|norm\.weight|norm\.bias|conv_dw\.bias)$/
const stageCount = 4

/** Blocks and width of each stage; `missing tensor` if a stage has no block, `format` if one has impossibly many. */
export const convNextSizes = (file: TensorFile): E.Either<SluiceError, ConvNextConfig> => {
  const depths = Array.from({ length: stageCount }, () => 0)
  const widths = [...depths]
  for (const [name, { shape }] of file.tensors) {
    const [, stage, block] = blockName.exec(name) ?? []
    if (stage === undefined || Number(stage) >= stageCount || shape.length !== 1) continue
    depths[Number(stage)] = Math.max(depths[Number(stage)]!, Number(block) + 1)
    widths[Number(stage)] ||= shape[0]!
  }
  const empty = depths.indexOf(0)
  if (empty >= 0)
    return E.left(
      fileError(
        'missing tensor',
        file.name,
        `visual.trunk.stages.${empty}.blocks.0.gamma is missing, and so is the rest of that stage`,
      ),
    )
  const long = depths.findIndex(depth => depth > mostLayers)
  if (long >= 0)
    return E.left(
      fileError(
        'format',
        file.name,
        `visual.trunk.stages.${long} has a block ${depths[long]! - 1}, expected at most ${mostLayers} blocks`,
      ),
    )
  return E.right({ depths, widths } as unknown as ConvNextConfig)
}
