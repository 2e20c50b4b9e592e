// An AI app built on the TypeScript SDK: `node app.mjs URL FILE`.
//
// FILE is where it keeps what its OAuth client must not lose. It says a line for each thing it wants or
// got, `authorize URL` or `result JSON`, and reads a line for each it is told: where the browser ended, or `TOOL JSON`.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, file] = process.argv.slice(2);
const kept = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const keep = (name, value) => {
  kept[name] = value;
  writeFileSync(file, JSON.stringify(kept), { mode: 0o600 });
};
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const heard = async () => (await lines.next()).value;

const provider = {
  redirectUrl: 'http://127.0.0.1:33418/callback',
  clientMetadata: {
    client_name: "bob's app",
    redirect_uris: ['http://127.0.0.1:33418/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  },
  state: () => 'a state of the app',
  clientInformation: () => kept.client,
  saveClientInformation: client => keep('client', client),
  tokens: () => kept.tokens,
  saveTokens: tokens => keep('tokens', tokens),
  redirectToAuthorization: to => console.log(`authorize ${to}`),
  saveCodeVerifier: verifier => keep('verifier', verifier),
  codeVerifier: () => kept.verifier,
};

async function connected() {
  for (;;) {
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
    const client = new Client({ name: "bob's app", version: '1.0' });
    try {
      await client.connect(transport);
      return client;
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      const arrived = new URL(await heard()).searchParams;
      if (arrived.get('state') !== 'a state of the app') throw new Error('another state came back');
      await transport.finishAuth(arrived.get('code'));
    }
  }
}

const client = await connected();
console.log(`result ${JSON.stringify({ connected: client.getServerVersion().name })}`);
for (let line = await heard(); line; line = await heard()) {
  const [tool, ...rest] = line.split(' ');
  const result = await client.callTool({ name: tool, arguments: JSON.parse(rest.join(' ')) });
  console.log(`result ${JSON.stringify({ reply: JSON.parse(result.content[0].text), token: kept.tokens.access_token.slice(-8) })}`);
}
await client.close();
