// The host, to which the page speaks JSON-RPC by postMessage (MCP Apps, 2026-01-26).

const host = {
  capabilities: {},
  context: {},
  nextId: 1,
  waiting: new Map(),
  // Handlers of the host's notifications, by method.
  on: {},

  send(message) {
    window.parent.postMessage({ jsonrpc: '2.0', ...message }, '*');
  },

  notify(method, params = {}) {
    host.send({ method, params });
  },

  request(method, params) {
    const id = host.nextId++;
    return new Promise((resolve, reject) => {
      host.waiting.set(id, { resolve, reject });
      host.send({ id, method, params });
      // The host may ask its user first.
      setTimeout(() => host.waiting.delete(id) && reject(new Error('There was no answer within two minutes.')), 120_000);
    });
  },

  async connect() {
    window.addEventListener('message', host.receive);
    const result = await host.request('ui/initialize', {
      protocolVersion: '2026-01-26',
      appInfo: { name: 'mcp-multiplayer-board', version: '1.0.0' },
      appCapabilities: { availableDisplayModes: ['inline', 'fullscreen'] },
    });
    host.capabilities = result.hostCapabilities || {};
    host.context = result.hostContext || {};
    host.notify('ui/notifications/initialized');
  },

  receive(event) {
    const message = event.data;
    if (event.source !== window.parent || !message || message.jsonrpc !== '2.0') return;
    if (message.method === undefined) {
      const request = host.waiting.get(message.id);
      host.waiting.delete(message.id);
      if (!request) return;
      if (message.error) request.reject(new Error(String(message.error.message || 'no reason given')));
      else request.resolve(message.result || {});
    } else if (message.id !== undefined) {
      const known = message.method === 'ping' || message.method === 'ui/resource-teardown';
      if (message.method === 'ui/resource-teardown') host.on.teardown?.();
      host.send(known ? { id: message.id, result: {} }
        : { id: message.id, error: { code: -32601, message: 'This page has no such method.' } });
    } else if (message.method === 'ui/notifications/host-context-changed') {
      Object.assign(host.context, message.params);
      host.on.context?.();
    } else {
      host.on[message.method]?.(message.params || {});
    }
  },

  // Calls a tool of the server. An error of the operation is thrown as a sentence.
  async callTool(name, args) {
    const result = await host.request('tools/call', { name, arguments: args });
    if (result.isError) throw new Error(sentenceOf(result));
    return result;
  },
};

// What went wrong, as the server says it: {"error": {code, message, hint}}.
function sentenceOf(result) {
  const text = (result.content || []).map(block => block.text || '').join('\n');
  try {
    return String(JSON.parse(text).error.message);
  } catch {
    return text.slice(0, 300) || 'The call failed.';
  }
}
