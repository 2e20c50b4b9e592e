// An AI app built on the TypeScript SDK: `node app.mjs URL FILE`.
//
// FILE stores the state of the OAuth client between runs. The app prints one line per event: `authorize URL` when a
// browser must open URL, `result JSON` after connecting and after each tool call. It reads one line per instruction:
// the URL at which the browser ended, or `TOOL JSON`.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, file] = process.argv.slice(2);
const saved = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const save = (name, value) => {
  saved[name] = value;
  writeFileSync(file, JSON.stringify(saved), { mode: 0o600 });
};
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const readLine = async () => (await lines.next()).value;

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
  clientInformation: () => saved.client,
  saveClientInformation: client => save('client', client),
  tokens: () => saved.tokens,
  saveTokens: tokens => save('tokens', tokens),
  redirectToAuthorization: to => console.log(`authorize ${to}`),
  saveCodeVerifier: verifier => save('verifier', verifier),
  codeVerifier: () => saved.verifier,
};

async function connect() {
  for (;;) {
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
    const client = new Client({ name: "bob's app", version: '1.0' });
    try {
      await client.connect(transport);
      return client;
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      const callback = new URL(await readLine()).searchParams;
      if (callback.get('state') !== 'a state of the app') throw new Error('the callback has another state');
      await transport.finishAuth(callback.get('code'));
    }
  }
}

const client = await connect();
console.log(`result ${JSON.stringify({ connected: client.getServerVersion().name })}`);
for (let line = await readLine(); line; line = await readLine()) {
  const [tool, ...rest] = line.split(' ');
  const result = await client.callTool({ name: tool, arguments: JSON.parse(rest.join(' ')) });
  console.log(`result ${JSON.stringify({ reply: JSON.parse(result.content[0].text), token: saved.tokens.access_token.slice(-8) })}`);
}
await client.close();
