// The state of the page: the last board, what the player has selected, and when the server is asked again.

// Pauses between questions to the server, in seconds: at first, and at most while nothing changes.
const FIRST_PAUSE = 3;
const LONGEST_PAUSE = 60;
// Longest wait for the referee's answer to a move, in milliseconds.
const ANSWER_MS = 4000;
const PROMOTIONS = { q: 'Queen', r: 'Rook', b: 'Bishop', n: 'Knight' };

const state = {
  args: null, // of the call that showed the board
  shown: null, // the last board, as the server sent it
  drawing: null, // its images, for light and for dark pages
  drawnHash: null,
  drift: 0, // the server's clock minus this one's
  moves: null,
  selected: null, // a cell
  promotion: null, // the moves among which the player chooses
  asked: null, // a text that the player has chosen and has to confirm
  busy: false,
  pause: FIRST_PAUSE,
  timer: null,
  onScreen: true,
  ended: false,
};

const cells = () => (state.drawing ? cellsOf(state.shown.board, state.shown.your_slot) : []);
const theme = () => host.context.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
const canCall = () => Boolean(host.capabilities.serverTools);

// Takes over a result of show_board.
function accept(result) {
  const shown = result.structuredContent;
  if (result.isError || !shown || !shown.board) {
    view.warn(result.isError ? sentenceOf(result) : '');
    return Boolean(result.isError);
  }
  const drawing = result._meta?.['mcp-multiplayer/drawing'];
  if (drawing) [state.drawing, state.drawnHash] = [drawing, shown.board_hash];
  else if (state.drawnHash !== shown.board_hash) state.drawing = state.drawnHash = null;
  const before = state.shown;
  const isNews = !before || drawing || before.board_id !== shown.board_id || String(before.turn_id) !== String(shown.turn_id)
    || JSON.stringify(before.last) !== JSON.stringify(shown.last);
  state.shown = shown;
  state.drift = Date.parse(shown.now) - Date.now();
  state.args = { channel_id: shown.channel_id, ...(shown.your_slot && { slot_id: shown.your_slot }) };
  if (isNews) {
    state.selected = state.promotion = state.asked = null;
    state.pause = FIRST_PAUSE;
    render();
  } else {
    state.pause = Math.min(state.pause * 1.5, LONGEST_PAUSE);
  }
  return true;
}

async function refresh() {
  clearTimeout(state.timer);
  if (!state.args || !canCall() || state.busy || state.ended) return;
  try {
    accept(await host.callTool('show_board', { ...state.args, ...(state.drawnHash && { known_hash: state.drawnHash }) }));
  } catch (error) {
    state.pause = Math.min(state.pause * 2, LONGEST_PAUSE);
    if (!state.shown) view.warn(error.message);
  }
  schedule();
}

// Asks again later, as long as somebody looks at the page.
function schedule() {
  clearTimeout(state.timer);
  if (document.hidden || !state.onScreen || state.ended) return;
  state.timer = setTimeout(refresh, state.pause * 1000);
}

// Makes a move: a ready-made text, or data for a JSON Schema.
async function play(text, fields = {}) {
  if (state.busy) return;
  const { bot_id, turn_id, cursor } = state.shown;
  state.selected = state.promotion = state.asked = null;
  if (!canCall()) {
    render();
    view.warn(`This app cannot send moves. Type in the chat instead: play ${text}`);
    layOut();
    return;
  }
  state.busy = true;
  view.warn('');
  render();
  view.say(`Sending ${text} …`);
  const data = { ...fields, ...(turn_id !== undefined && { turn_id }) };
  const move = { ...state.args, data, cursor, wait_ms: ANSWER_MS, wait_for: 'bot' };
  let problem = '';
  try {
    if (state.shown.private) await host.callTool('dm_bot', { ...move, bot_id, message: text });
    else await host.callTool('post_message', { ...move, body: text });
    tellModel(text);
  } catch (error) {
    problem = `${error.message} If the board does not show the move, type in the chat: play ${text}`;
  }
  state.busy = false;
  state.pause = FIRST_PAUSE;
  await refresh();
  render();
  view.warn(problem);
  layOut();
}

// The model does not read its own player's posts again, so it would not learn of this move.
function tellModel(text) {
  if (!host.capabilities.updateModelContext) return;
  const said = state.shown.private ? 'a move by private message' : `"${text}"`;
  const content = [{ type: 'text', text: `On the board, the user has played ${said} as ${state.shown.your_slot}.` }];
  host.request('ui/update-model-context', { content }).catch(() => {});
}

function press(cell) {
  const { taps, columns, steps } = state.moves;
  const whole = taps.get(cell.name) ?? columns.get(cell.column);
  if (whole !== undefined) {
    play(whole);
    return;
  }
  const found = state.selected && steps.get(state.selected)?.get(cell.name);
  if (found?.length === 1) {
    play(found[0].text);
  } else {
    state.asked = null;
    state.promotion = found || null;
    state.selected = found ? state.selected : cell.name === state.selected ? null : cell.name;
    render();
  }
}

// What a cell is for at the moment.
function mark(cell) {
  const { taps, columns, steps } = state.moves;
  if (taps.has(cell.name)) return { label: 'play here' };
  if (columns.has(cell.column)) return { label: `play column ${cell.column}` };
  if (cell.name === state.selected) return { label: 'selected', pressed: true };
  if (state.selected && steps.get(state.selected)?.has(cell.name)) return { label: 'move here', target: true };
  return steps.has(cell.name) ? { label: 'can move' } : null;
}

function render() {
  const { board, board_id, actions, text, turn, last, your_turn } = state.shown;
  const offered = your_turn && !state.busy ? actions : undefined;
  state.moves = sortMoves(Array.isArray(offered) ? offered : [], cells());
  const dark = theme() === 'dark';
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  if (state.drawing) view.drawBoard(dark ? state.drawing.svg_dark : state.drawing.svg, board, cells());
  else view.drawText(text);
  const { taps, columns, steps } = state.moves;
  const hasCells = taps.size + columns.size + steps.size > 0;
  view.drawCells(hasCells ? cells() : [], mark, press);
  view.drawChoices(...choices(offered));
  // With a grid, the post says no more than the status; with a table, it may be the question.
  const isShown = cells().length && turn?.length;
  view.drawLast(last.filter(({ id }) => !isShown || id !== board_id).slice(-2), turn?.length === 0);
  view.say(statusText());
  tick();
  layOut();
}

function choices(offered) {
  if (state.promotion) {
    const pieces = state.promotion.map(({ text, choice }) =>
      view.choice(PROMOTIONS[choice.toLowerCase()] || choice || text, () => play(text)));
    return [...pieces, view.choice('Cancel', () => { state.promotion = null; render(); })];
  }
  // In this order, because a second click at the same place must not confirm the first one.
  if (state.asked) return [view.choice('Cancel', () => ask(null)), view.choice(`Yes, ${state.asked}`, () => play(state.asked))];
  const { your_turn, other_actions } = state.shown;
  const rest = your_turn && !state.busy && Array.isArray(other_actions) ? buttons(other_actions, ask) : [];
  if (offered && !Array.isArray(offered)) {
    const fields = fieldsOf(offered);
    if (fields) return [view.form(fields, data => play(JSON.stringify(data), data)), ...rest];
    return [element('p', {}, 'Tell your assistant what to play.'), ...rest];
  }
  return [...buttons(state.moves.others, text => play(text)), ...rest];
}

function buttons(texts, send) {
  return texts.length > 4 ? view.select(texts, send) : texts.map(text => view.choice(text, () => send(text)));
}

// Asks for a confirmation of what `other_actions` offers, such as to resign.
function ask(text) {
  state.asked = text;
  state.selected = null;
  render();
}

function statusText() {
  const { turn, your_turn, labels } = state.shown;
  if (your_turn) return state.selected ? `${state.selected}: where to?` : 'Your turn.';
  if (!turn) return 'No turn yet.';
  if (!turn.length) return 'The game is over.';
  return `${turn.map(slot => labels[slot] || slot).join(', ')} to move.`;
}

// Shows the clocks as they are now.
function tick() {
  if (!state.shown) return;
  const { turn = [], clocks, deadline, turn_ts, labels } = state.shown;
  const now = Date.now() + state.drift;
  const clockOf = slot => {
    const isNext = turn.includes(slot);
    if (isNext && deadline) return clockText(Date.parse(deadline) - now);
    if (!clocks || clocks[slot] === undefined || !Object.values(clocks).some(Boolean)) return null;
    return clockText(clocks[slot] - (isNext ? now - Date.parse(turn_ts) : 0));
  };
  view.drawPlayers(Object.entries(labels).map(([slot, label]) =>
    ({ label: label.slice(0, 20), isNext: turn.includes(slot), clock: clockOf(slot) })));
}

function layOut() {
  view.layOut(host.context.displayMode === 'fullscreen');
}

function applyContext() {
  for (const [name, value] of Object.entries(host.context.styles?.variables || {})) {
    if (name.startsWith('--') && typeof value === 'string') document.documentElement.style.setProperty(name, value);
  }
  document.documentElement.dataset.theme = theme();
  const { displayMode = 'inline', availableDisplayModes = [] } = host.context;
  byId('enlarge').hidden = displayMode !== 'inline' || !availableDisplayModes.includes('fullscreen');
  if (state.shown) render();
}

async function start() {
  host.on.context = applyContext;
  host.on.teardown = () => { state.ended = true; clearTimeout(state.timer); };
  host.on['ui/notifications/tool-input'] = params => { state.args ??= { ...params.arguments }; };
  host.on['ui/notifications/tool-cancelled'] = () => view.warn('The board was not loaded: the call was cancelled.');
  host.on['ui/notifications/tool-result'] = result => {
    const isShown = accept(result);
    if (!isShown || (state.shown && !state.drawing)) refresh();
    else schedule();
    layOut();
  };
  byId('cells').addEventListener('keydown', event => {
    if (event.key.startsWith('Arrow')) view.moveFocus(event);
    if (event.key === 'Escape' && state.selected) { state.selected = state.promotion = null; render(); }
  });
  byId('enlarge').addEventListener('click', () => host.request('ui/request-display-mode', { mode: 'fullscreen' })
    .then(({ mode }) => { host.context.displayMode = mode; applyContext(); }).catch(() => {}));
  document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(state.timer) : refresh()));
  new IntersectionObserver(([entry]) => {
    state.onScreen = entry.isIntersecting;
    schedule();
  }).observe(document.body);
  new ResizeObserver(layOut).observe(document.documentElement);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyContext);
  setInterval(tick, 1000);
  await host.connect();
  applyContext();
}

start().catch(error => view.warn(`The app that shows this page does not answer as expected: ${error.message}`));
