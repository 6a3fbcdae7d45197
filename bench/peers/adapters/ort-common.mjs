import { graph } from '../lib/onnx.mjs'
import { thdToHtd } from '../lib/data.mjs'
export function ortWorkload(ort, w, sessOpts, gopts) {
  return async () => {
    const g = graph(w, gopts)
    const s = await ort.InferenceSession.create(g.bytes, sessOpts)
    const feeds = Object.fromEntries(
      Object.entries(g.feeds).map(([k, [d, dims]]) => [k, new ort.Tensor('float32', d, dims)]),
    )
    let last
    return {
      run: async () => {
        const r = await s.run(feeds)
        last = r.y.location === 'gpu-buffer' ? await r.y.getData() : r.y.data
      },
      read: async () => ({ y: g.layout === 'thd' ? thdToHtd(last) : last }),
      close: async () => s.release(),
    }
  }
}
