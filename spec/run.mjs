/**
 * The whole judgement in one command, also as the first one after a clone: makes the clone ready (bin/setup.mjs), runs the
 * static checks, then the tests, shows how far it is, and ends with one line that counts both: `N passed, N failed`.
 * With --quick: the types and the quick tests only. Plain JavaScript, since it runs before any package is installed.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const quick = process.argv.includes('--quick')
const reportFile = join(root, 'node_modules/.cache/sluice', quick ? 'vitest-quick.json' : 'vitest.json')

/** Names of package.json scripts. The build comes first: a test packs what it makes. */
const checks = quick
  ? ['typecheck']
  : ['build', 'typecheck', 'typecheck:6', 'lint:code', 'lint:form', 'lint:layers', 'lint:unused']
const lanes = 2

const none = { passed: 0, failed: 0, skipped: 0 }
const add = (a, b) => ({ passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped })

const seconds = since => `${((performance.now() - since) / 1000).toFixed(1)} s`

/** Runs a command in the project and gives its exit code and what it printed. */
const capture = (command, args) =>
  new Promise(resolve => {
    const child = spawn(command, args, { cwd: root, shell: process.platform === 'win32' })
    const chunks = []
    child.stdout.on('data', chunk => chunks.push(chunk))
    child.stderr.on('data', chunk => chunks.push(chunk))
    child.on('error', error => resolve({ code: 1, output: String(error) }))
    child.on('close', code => resolve({ code, output: Buffer.concat(chunks).toString() }))
  })

const check = async name => {
  const start = performance.now()
  const { code, output } = await capture('npm', ['run', '--silent', name])
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds(start)})`)
  if (code !== 0) console.log(output.trimEnd())
  return { ...none, [code === 0 ? 'passed' : 'failed']: 1 }
}

const runChecks = async () => {
  const waiting = [...checks]
  const lane = async () => {
    let sum = none
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) sum = add(sum, await check(name))
    return sum
  }
  const sums = await Promise.all(Array.from({ length: lanes }, lane))
  return sums.reduce(add)
}

/** Dawn says this of every device on a software driver; it means nothing to a reader of test results. */
const isNoise = line => /^Warning: maxDynamic\w+ artificially reduced/.test(line)

const runVitest = () =>
  new Promise(resolve => {
    const project = quick ? ['--project', 'quick'] : []
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`]
    const args = ['node_modules/vitest/vitest.mjs', 'run', ...project, ...reporters]
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'pipe'] })
    let rest = ''
    child.stderr.on('data', chunk => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()
      for (const line of lines.filter(line => !isNoise(line))) console.error(line)
    })
    child.on('close', code => {
      if (rest !== '') console.error(rest)
      resolve(code ?? 1)
    })
  })

/** Counts tests; a file that does not load and an error outside any test count as a failure each. */
const runTests = async () => {
  mkdirSync(dirname(reportFile), { recursive: true })
  rmSync(reportFile, { force: true })
  const code = await runVitest()
  try {
    const report = JSON.parse(readFileSync(reportFile, 'utf8'))
    const unloaded = report.testResults.filter(file => file.status === 'failed' && file.assertionResults.length === 0)
    const counted = {
      passed: report.numPassedTests,
      failed: report.numFailedTests + unloaded.length,
      skipped: report.numPendingTests + report.numTodoTests,
    }
    return code !== 0 && counted.failed === 0 ? { ...counted, failed: 1 } : counted
  } catch {
    return { ...none, failed: 1 }
  }
}

const finish = ({ passed, failed, skipped }) => {
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  process.exitCode = failed > 0 ? 1 : 0
}

const start = performance.now()
const setup = spawnSync(process.execPath, ['bin/setup.mjs'], { cwd: root, stdio: 'inherit' })
if (setup.status !== 0) finish({ ...none, failed: 1 })
else {
  const total = add(await runChecks(), await runTests())
  console.log(`took ${seconds(start)}`)
  finish(total)
}
