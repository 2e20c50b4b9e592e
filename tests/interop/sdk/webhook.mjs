// An app with a webhook built on the AI SDK: `node webhook.mjs URL CHANNEL_ID`, with the token in TOKEN.
//
// Subscribes to the channel, and prints one line for each event: `subscribed JSON`, `event JSON`, `terminated JSON`,
// `refreshed JSON`, `unsubscribed`, `refused STATUS`. It reads one line per instruction: `fail` (the next event is not
// accepted), `refresh`, `forge` (posts an event with a wrong signature to itself), `unsubscribe`.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import { createMCPClient, experimental_createMCPEventWebhook as createMCPEventWebhook } from '@ai-sdk/mcp';

const [url, channelId] = process.argv.slice(2);
const print = (word, value) => console.log(value === undefined ? word : `${word} ${JSON.stringify(value)}`);

const saved = new Map();
const store = {
  get: async key => saved.get(key),
  getById: async id => [...saved.values()].find(subscription => subscription.id === id),
  set: async subscription => { saved.set(subscription.key, subscription); },
  update: async (key, patch) => { saved.set(key, { ...saved.get(key), ...patch }); },
  delete: async key => { saved.delete(key); },
};

let failures = 0;
const handle = createMCPEventWebhook({
  store,
  onEvent: async ({ subscription, event }) => {
    if (failures > 0) {
      failures -= 1;
      throw new Error('not accepted');
    }
    print('event', { ...event, subscription: subscription.id });
  },
  onTerminated: async ({ termination }) => print('terminated', termination),
});

const server = createServer(async (incoming, outgoing) => {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
    method: incoming.method, headers: incoming.headers, body: chunks.length ? Buffer.concat(chunks) : undefined,
  });
  const response = await handle(request);
  if (response.status >= 400) print('refused', response.status);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
});
await new Promise(resolve => server.listen(Number(process.env.PORT), '127.0.0.1', resolve));

const client = await createMCPClient({
  transport: { type: 'http', url, headers: { Authorization: `Bearer ${process.env.TOKEN}` } },
  experimental_events: { store },
});
const { id, ...rest } = await client.experimental_events.subscribe({
  name: 'channel.message',
  arguments: { channel_id: channelId },
  delivery: { mode: 'webhook', url: `http://127.0.0.1:${server.address().port}/hook`, allowInsecureLocalhost: true },
});
print('subscribed', { id, ...rest });

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'fail') failures += 1;
  if (line === 'refresh') print('refreshed', await client.experimental_events.refresh({ id }));
  if (line === 'forge') {
    const { delivery } = await store.getById(id);
    await fetch(delivery.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json', 'x-mcp-subscription-id': id, 'webhook-id': 'forged',
        'webhook-timestamp': String(Math.floor(Date.now() / 1000)), 'webhook-signature': `v1,${'A'.repeat(43)}=`,
      },
      body: JSON.stringify({ eventId: 'forged', name: 'channel.message', timestamp: new Date().toISOString(), data: {} }),
    });
  }
  if (line === 'unsubscribe') {
    await client.experimental_events.unsubscribe({ id });
    print('unsubscribed');
  }
}
await client.close();
server.close();
