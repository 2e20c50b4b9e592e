// A session of the TypeScript SDK: `node client.mjs VERSION MODE stdio PROGRAM`, or `... http URL`, with the token in TOKEN.
//
// VERSION is 1 (`@modelcontextprotocol/sdk`) or 2 (`@modelcontextprotocol/client`), MODE the latter's way to negotiate the
// protocol. Prints the tools' names, then the result of each tool that its input names, a line for `TOOL JSON`.

import { createInterface } from 'node:readline';

const [version, mode, transport, target] = process.argv.slice(2);
const sdk = version === '1'
  ? { ...await import('@modelcontextprotocol/sdk/client/index.js'),
      ...await import('@modelcontextprotocol/sdk/client/stdio.js'),
      ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js') }
  : { ...await import('@modelcontextprotocol/client'), ...await import('@modelcontextprotocol/client/stdio') };

const client = new sdk.Client({ name: 'sdk', version: '1.0' }, version === '1' ? {} : { versionNegotiation: { mode } });
await client.connect(transport === 'stdio'
  ? new sdk.StdioClientTransport({ command: target, env: process.env })
  : new sdk.StreamableHTTPClientTransport(new URL(target), {
      requestInit: { headers: { Authorization: `Bearer ${process.env.TOKEN}` } },
    }));
const print = value => console.log(JSON.stringify(value));
print((await client.listTools()).tools.map(tool => tool.name));
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...rest] = line.split(' ');
  const result = await client.callTool({ name, arguments: JSON.parse(rest.join(' ')) });
  print(JSON.parse(result.content[0].text));
}
await client.close();
