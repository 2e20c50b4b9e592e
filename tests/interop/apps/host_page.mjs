// The page of a chat that shows apps, with the bridge of `@modelcontextprotocol/ext-apps`. `host.mjs` bundles and opens it.

import { AppBridge, PostMessageTransport } from '@modelcontextprotocol/ext-apps/app-bridge';

// The policy that the specification prescribes for a page without external domains.
const POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'none'";

// Shows a page in a sandboxed frame, and hands it the call and its result.
window.showApp = async ({ html, theme, width, canCall, variables, input, result }) => {
  Object.assign(window, { heights: [], modelContext: null });
  const frame = document.createElement('iframe');
  frame.setAttribute('sandbox', 'allow-scripts');
  frame.style = `border: 0; width: ${width}px; height: 100px`;
  document.body.replaceChildren(frame);
  const context = { theme, styles: { variables }, displayMode: 'inline', availableDisplayModes: ['inline'],
    containerDimensions: { width, maxHeight: 500 } };
  const capabilities = { ...(canCall && { serverTools: {} }), updateModelContext: { text: {} } };
  const bridge = new AppBridge(null, { name: 'chat', version: '1' }, capabilities, { hostContext: context });
  bridge.oncalltool = params => window.callServerTool(params);
  bridge.onupdatemodelcontext = async params => {
    window.modelContext = params;
    return {};
  };
  bridge.onsizechange = ({ height }) => {
    window.heights.push(height);
    frame.style.height = `${height}px`;
  };
  const initialized = new Promise(resolve => { bridge.oninitialized = resolve; });
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.srcdoc = html.replace('<head>', `<head><meta http-equiv="Content-Security-Policy" content="${POLICY}">`);
  await initialized;
  await bridge.sendToolInput({ arguments: input });
  await bridge.sendToolResult(result);
  window.bridge = bridge;
};
