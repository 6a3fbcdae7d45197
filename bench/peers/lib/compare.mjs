// error relative to the largest |reference| among the samples, worst over outputs
export function compare(r, got) {
  let worst = 0
  const per = {}
  for (const k in r) {
    if (!got[k]) {
      per[k] = NaN
      worst = NaN
      continue
    }
    let mx = 0,
      e = 0
    r[k].val.forEach((v, i) => {
      mx = Math.max(mx, Math.abs(v))
      const d = Math.abs(v - got[k][r[k].idx[i]])
      if (!(d <= e)) e = d
    })
    per[k] = e / mx
    if (!(per[k] <= worst)) worst = per[k]
  }
  return { worst, per }
}
