// A chat that shows apps: `node host.mjs stdio PROGRAM`, or `http URL` with a token in TOKEN. An MCP client that declares MCP
// Apps, and a headless browser, in CHROMIUM, with `host_page.mjs`.
//
// Prints the tools' names, then a result for each line of its input, `{"do": ..., ...}`:
//   show        calls show_board and shows its page: args, theme, width, canCall
//   text        the text of an element of the page: selector
//   wait        waits until an element's text contains a text: selector, text
//   click, key  clicks an element, presses a key: selector, key
//   tap         clicks at a place of the drawing, in its own units of which it is 320 wide: x, y
//   screenshot  saves a picture of the page: path
//   state       the heights that the page has asked for, its width, its scrolling, what the model was told, errors

import { createInterface } from 'node:readline';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';

const PAGE_TYPE = 'text/html;profile=mcp-app';
const WAIT_MS = 30_000;
const [transport, target] = process.argv.slice(2);
const print = value => console.log(JSON.stringify(value));

const capabilities = { extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: [PAGE_TYPE] } } };
const mode = transport === 'stdio' ? 'legacy' : 'auto';
const client = new Client({ name: 'chat', version: '1.0' }, { capabilities, versionNegotiation: { mode } });
await client.connect(transport === 'stdio'
  ? new StdioClientTransport({ command: target, env: process.env })
  : new StreamableHTTPClientTransport(new URL(target), {
      requestInit: { headers: { Authorization: `Bearer ${process.env.TOKEN}` } },
    }));
const { tools } = await client.listTools();

const bundle = await build({
  entryPoints: [new URL('host_page.mjs', import.meta.url).pathname], bundle: true, write: false, format: 'iife', logLevel: 'error',
});
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--force-color-profile=srgb'] });
const page = await browser.newPage();
const errors = [];
page.on('console', message => message.type() === 'error' && errors.push(message.text()));
page.on('pageerror', error => errors.push(String(error)));
await page.exposeFunction('callServerTool', params => client.callTool(params));
await page.setContent('<!doctype html><body style="margin: 0"></body>');
await page.addScriptTag({ content: bundle.outputFiles[0].text });

const app = () => page.frames().find(frame => frame !== page.mainFrame());
const steps = {
  async show({ args, theme, width, canCall = true }) {
    await page.setViewport({ width, height: 600, deviceScaleFactor: 2 });
    const tool = tools.find(({ name }) => name === 'show_board');
    const { contents } = await client.readResource({ uri: tool._meta.ui.resourceUri });
    if (contents[0].mimeType !== PAGE_TYPE) throw new Error(contents[0].mimeType);
    const result = await client.callTool({ name: tool.name, arguments: args });
    await page.evaluate(shown => window.showApp(shown), { html: contents[0].text, theme, width, canCall, input: args, result });
    return { isError: Boolean(result.isError) };
  },
  text: ({ selector }) => app().$eval(selector, found => found.innerText),
  async wait({ selector, text }) {
    const contains = (wanted, part) => document.querySelector(wanted)?.innerText.includes(part);
    await app().waitForFunction(contains, { timeout: WAIT_MS }, selector, text);
    return true;
  },
  async click({ selector }) {
    await (await app().waitForSelector(selector, { timeout: WAIT_MS })).click();
    return true;
  },
  async tap({ x, y }) {
    await app().waitForSelector('.cell[aria-disabled=false]', { timeout: WAIT_MS });
    const box = await (await app().$('#image')).boundingBox();
    await page.mouse.click(box.x + x * box.width / 320, box.y + y * box.width / 320);
    return true;
  },
  async key({ selector, key }) {
    if (selector) await app().focus(selector);
    await page.keyboard.press(key);
    return app().evaluate(() => document.activeElement.dataset.cell || null);
  },
  async screenshot({ path }) {
    await page.screenshot({ path });
    return true;
  },
  async state() {
    // The host gives the page the height that it has asked for last.
    const fits = () => document.documentElement.scrollHeight <= document.documentElement.clientHeight;
    await app().waitForFunction(fits, { timeout: WAIT_MS }).catch(() => {});
    const { heights, modelContext } = await page.evaluate(() => ({ heights: window.heights, modelContext: window.modelContext }));
    const inside = await app().evaluate(() => {
      const { scrollWidth, scrollHeight, clientWidth, clientHeight } = document.documentElement;
      const loaded = performance.getEntriesByType('resource').map(({ name }) => name.slice(0, 30));
      const cell = document.querySelector('.cell')?.getBoundingClientRect();
      return { scrolls: scrollWidth > clientWidth || scrollHeight > clientHeight, loaded, cell: cell && cell.width,
        image: document.getElementById('image').naturalWidth };
    });
    return { ...inside, heights, modelContext, errors };
  },
};

print(tools.map(({ name }) => name));
for await (const line of createInterface({ input: process.stdin })) {
  const { do: step, ...rest } = JSON.parse(line);
  try {
    print({ result: await steps[step](rest) });
  } catch (error) {
    print({ error: String(error), status: await app()?.evaluate(() => document.body.innerText).catch(() => null), errors });
  }
}
await browser.close();
await client.close();
