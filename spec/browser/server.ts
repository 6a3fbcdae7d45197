/** A server for one page: serves what it is given, from memory, to this machine alone, and hands on what the page reports. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Served {
  readonly address: string
  readonly close: () => void
}
const types: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', json: 'application/json' }
const typeOf = (path: string): string => types[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream'

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
/** `files` by path, such as '/index.html'; `reported` gets the text of each report, in order. */
export const serve = async (
  files: ReadonlyMap<string, Uint8Array | string>,
  reported: (text: string) => void,
): Promise<Served> => {
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      void bodyOf(request).then(text => {
        reported(text)
        response.end()
      })
      return
    }
    const path = request.url ?? ''
    const found = files.get(path)
    if (found === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': typeOf(path) }).end(found)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    address: `http://127.0.0.1:${port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
