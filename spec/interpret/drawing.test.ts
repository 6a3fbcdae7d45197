import { either as E } from 'fp-ts'
import { describe, expect, it } from 'vitest'
import { drawing, graph, input, named } from '../../lib/index.ts'
import { add, exp } from '../../ops/index.ts'
import { classifier, tower } from './small-models.ts'

describe('drawing', () => {
  it('frames blocks down to the depth, closes those below, puts shapes on arrows', () => {
    expect(drawing(tower(1), { depth: 1 })).toMatchInlineSnapshot(`
      "digraph {
        graph [fontname="Helvetica" fontsize=11 color="#bbbbbb" style=rounded nslimit=1 nslimit1=1]
        node [fontname="Helvetica" fontsize=11 shape=box style=rounded]
        edge [fontname="Helvetica" fontsize=9 color="#555555" arrowsize=0.6]
        n0 [label="tokens" style=filled fillcolor="#eeeeee"]
        subgraph "cluster encoder.layers.0" {
        label="encoder.layers.0"
          n1 [label="mlp\\n93 parameters" style="rounded,filled" fillcolor="#e8f0fe"]
          n6 [label="add"]
        }
        subgraph "cluster head" {
        label="head"
          n7 [label="einsum\\nweight [2, 5]"]
          n8 [label="add\\nbias [2]"]
        }
        out0 [label="output" style=filled fillcolor="#eeeeee"]
        n0 -> n1 [label="[text, 5]"]
        n0 -> n6 [label="[text, 5]"]
        n1 -> n6 [label="[text, 5]"]
        n6 -> n7 [label="[text, 5]"]
        n7 -> n8 [label="[text, 2]"]
        n8 -> out0 [label="[text, 2]"]
      }"
    `)
  })
  it('closes every block at depth 0', () => {
    const dot = drawing(tower(4), { depth: 0 })
    expect(dot).not.toContain('subgraph')
    expect(dot.match(/->/g)).toHaveLength(3)
    expect(dot).toContain('label="encoder\\n372 parameters"')
  })
  it('draws a value once that goes by two names', () => {
    const x = exp(input('x', [7]))
    expect(drawing(add(x, named('same')(x))).match(/label="exp"/g)).toHaveLength(1)
  })
  it('escapes what DOT would read', () => {
    const dot = drawing(exp(input('a"b\\c', [1])))
    expect(dot).toContain('label="a\\"b\\\\c"')
  })
  it('has a name for every output of a record', () => {
    const x = classifier()
    expect(drawing({ left: x, right: exp(x) })).toMatch(/out0 \[label="left".*\n.*out1 \[label="right"/)
  })
})

describe('graph', () => {
  it('is SVG with the names and shapes in it', async () => {
    const svg = await graph(tower(1), { depth: 3 })()
    if (E.isLeft(svg)) throw new Error(svg.left.message)
    expect(svg.right).toMatch(/^<\?xml[^]*<svg[^]*<\/svg>\s*$/)
    for (const text of ['encoder.layers.0', 'gelu', 'weight [8, 5]', '[text, 2]'])
      expect(svg.right).toContain(`>${text}<`)
  })
  it('draws 300 ops in two seconds', async () => {
    const model = tower(50)
    expect(drawing(model, { depth: 4 }).match(/^ +n\d+ \[/gm)?.length).toBeGreaterThan(300)
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      expect(E.isRight(await graph(model, { depth: 4 })())).toBe(true)
      times.push(performance.now() - start)
    }
    expect(Math.min(...times)).toBeLessThan(2000)
  })
})
