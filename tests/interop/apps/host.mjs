// A chat that shows apps: `node host.mjs stdio PROGRAM`, or `http URL` with a token in TOKEN. An MCP client that declares MCP
// Apps, and a headless browser, in CHROMIUM, with `host_page.mjs`.
//
// Prints the tools' names, then a result for each line of its input, `{"do": ..., ...}`:
//   show        calls show_board and shows its page: args, theme, width, canCall, variables (the host's style variables)
//   text        the text of an element of the page: selector
//   wait        waits until an element's text contains a text: selector, text
//   click, key  clicks an element, presses a key: selector, key
//   tap         clicks at a place of the drawing, in its own units of which it is 320 wide: x, y
//   screenshot  saves a picture of the page: path
//   state       the heights that the page has asked for, its width, its scrolling, its smallest target, what the model was told,
//               errors
//   colours     the colours of elements and of what is behind them, as [red, green, blue]: selectors

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
  async show({ args, theme, width, canCall = true, variables = {} }) {
    await page.setViewport({ width, height: 600, deviceScaleFactor: 2 });
    const tool = tools.find(({ name }) => name === 'show_board');
    const { contents } = await client.readResource({ uri: tool._meta.ui.resourceUri });
    if (contents[0].mimeType !== PAGE_TYPE) throw new Error(contents[0].mimeType);
    const result = await client.callTool({ name: tool.name, arguments: args });
    await page.evaluate(shown => window.showApp(shown),
      { html: contents[0].text, theme, width, canCall, variables, input: args, result });
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
  colours: ({ selectors }) => app().evaluate(wanted => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const paint = colour => {
      Object.assign(canvas, { fillStyle: colour });
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    };
    const ground = element => {
      const colour = getComputedStyle(element).backgroundColor;
      return colour === 'rgba(0, 0, 0, 0)' && element.parentElement ? ground(element.parentElement) : colour;
    };
    return wanted.map(selector => {
      const element = document.querySelector(selector);
      const { color, borderTopColor } = getComputedStyle(element);
      const edge = paint(borderTopColor);
      return { selector, text: paint(color), edge, ground: paint(ground(element)), beside: paint(ground(element.parentElement)) };
    });
  }, selectors),
  async screenshot({ path }) {
    await page.screenshot({ path });
    return true;
  },
  async state() {
    const measure = mustFit => {
      const { scrollWidth, scrollHeight, clientWidth, clientHeight } = document.documentElement;
      const scrolls = scrollWidth > clientWidth || scrollHeight > clientHeight;
      if (mustFit && scrolls) return null;
      const loaded = performance.getEntriesByType('resource').map(({ name }) => name.slice(0, 30));
      const cell = document.querySelector('.cell')?.getBoundingClientRect();
      const targets = [...document.querySelectorAll('button:not(.cell), input, select')].map(each => each.getBoundingClientRect());
      return { scrolls, loaded, cell: cell && cell.width,
        target: Math.min(...targets.filter(each => each.width).flatMap(each => [each.width, each.height])),
        image: document.getElementById('image').naturalWidth };
    };
    // The page asks for another height whenever it changes, and the host gives it a little later.
    const fitting = app().waitForFunction(measure, { timeout: WAIT_MS }, true).then(found => found.jsonValue());
    const inside = await fitting.catch(() => app().evaluate(measure, false));
    const { heights, modelContext } = await page.evaluate(() => ({ heights: window.heights, modelContext: window.modelContext }));
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
