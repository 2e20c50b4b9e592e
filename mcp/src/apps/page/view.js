// What the page shows. Everything that players or bots wrote is text; the drawing is an image, in which nothing runs.

const byId = id => document.getElementById(id);
// Hosts show at most 500 px in the flow of a conversation. Cells of a chess board of 384 px have 48 px.
const MAX_HEIGHT = 500;
const MAX_BOARD = 384;
const MAX_TABLE_SCALE = 1.2;

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const view = {
  // Size of the drawing and the space around its cells, in its own units, and the number of its columns and rows.
  size: null,

  drawBoard(svg, board, cells) {
    const drawing = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
    const [width, height] = (drawing.getAttribute('viewBox') || '0 0 320 320').split(' ').slice(2).map(Number);
    const columns = cells.length ? board.columns.length : 0;
    // The first rectangle is the ground, the second one a cell.
    const cell = Number(drawing.querySelectorAll('rect')[1]?.getAttribute('width'));
    const margin = (width - columns * cell) / 2;
    view.size = { width, height, margin, columns, rows: columns ? cells.length / columns : 0 };
    const image = byId('image');
    image.alt = drawing.querySelector('title')?.textContent || 'The board';
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
    byId('board').hidden = false;
    byId('text').hidden = true;
  },

  drawText(text) {
    view.size = null;
    byId('board').hidden = true;
    byId('text').hidden = false;
    byId('text').textContent = text;
  },

  // The buttons over the cells. `mark(cell)` says what a cell is for: {label, pressed, target}, or null for nothing.
  drawCells(cells, mark, press) {
    const focused = document.activeElement?.dataset?.cell;
    const buttons = cells.map(cell => {
      const { label, pressed, target } = mark(cell) || {};
      const button = element('button', { type: 'button', className: target ? 'cell target' : 'cell', tabIndex: -1 });
      button.dataset.cell = cell.name;
      button.setAttribute('aria-label', [cell.name, cell.piece, label].filter(Boolean).join(', '));
      button.setAttribute('aria-disabled', String(!label));
      if (pressed) button.setAttribute('aria-pressed', 'true');
      button.addEventListener('click', () => label && press(cell));
      return button;
    });
    byId('cells').replaceChildren(...buttons);
    const entry = buttons.find(button => button.dataset.cell === focused)
      || buttons.find(button => button.getAttribute('aria-disabled') === 'false');
    if (entry) entry.tabIndex = 0;
    if (entry && focused) entry.focus();
  },

  moveFocus(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -view.size?.columns, ArrowDown: view.size?.columns }[event.key];
    const buttons = [...byId('cells').children];
    const at = buttons.indexOf(document.activeElement);
    const next = buttons[at + step];
    const leavesRow = Math.abs(step) === 1
      && Math.floor(at / view.size.columns) !== Math.floor((at + step) / view.size.columns);
    if (at < 0 || !next || leavesRow) return;
    event.preventDefault();
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  },

  drawPlayers(players) {
    byId('players').replaceChildren(...players.map(({ label, isNext, clock }) => {
      const item = element('li', {}, clock === null ? label : `${label} ${clock}`);
      if (isNext) item.setAttribute('aria-current', 'true');
      return item;
    }));
  },

  drawLast(posts, isOver) {
    // A grid needs the height; beside a table, and after the game, there is enough for the whole texts.
    byId('last').classList.toggle('whole', isOver || !view.size?.columns);
    byId('last').replaceChildren(...posts.map(({ sender, label, text }) => element('li', {}, `${label || sender}: ${text}`)));
  },

  drawChoices(...children) {
    const hadFocus = byId('choices').contains(document.activeElement);
    byId('choices').replaceChildren(...children);
    if (hadFocus) byId('choices').querySelector('button, input, select')?.focus();
  },

  choice(label, press) {
    const button = element('button', { type: 'button', className: 'choice' }, label);
    button.addEventListener('click', press);
    return button;
  },

  // A list of texts with a button that sends the chosen one.
  select(texts, send) {
    const select = element('select', { ariaLabel: 'Move' }, ...texts.map(text => element('option', {}, text)));
    return [select, view.choice('Send', () => send(select.value))];
  },

  form(fields, send) {
    const inputs = fields.map(field => {
      if (field.kind === 'choice') return element('select', {}, ...field.values.map(value => element('option', {}, String(value))));
      const type = { integer: 'number', number: 'number', boolean: 'checkbox', text: 'text' }[field.kind];
      const input = element('input', { type, required: field.required && type !== 'checkbox' });
      if (type === 'number') {
        Object.assign(input, { step: field.kind === 'integer' ? '1' : 'any', min: field.min ?? '', max: field.max ?? '' });
      } else if (field.max) input.maxLength = field.max;
      return input;
    });
    const labels = fields.map((field, at) => element('label', {}, field.name, inputs[at]));
    // Not submitted as forms are: hosts show pages in frames that may not submit any.
    const submit = () => inputs.every(input => input.reportValidity())
      && send(Object.fromEntries(fields.map((field, at) => [field.name, valueOf(field, inputs[at])])
        .filter(([, value]) => value !== '')));
    const form = element('div', { className: 'form' }, ...labels, view.choice('Send', submit));
    form.addEventListener('keydown', event => event.key === 'Enter' && event.target.matches('input') && submit());
    return form;
  },

  say(status) {
    if (byId('status').textContent !== status) byId('status').textContent = status;
  },

  warn(notice) {
    byId('notice').hidden = !notice;
    byId('notice').textContent = notice || '';
  },

  // Uses the whole width for the board, as far as the height allows.
  layOut(fullscreen) {
    if (view.size) {
      const { width, height, margin, columns, rows } = view.size;
      const others = [...document.querySelector('main').children].filter(part => part.id !== 'board' && part.offsetHeight);
      const used = others.reduce((sum, part) => sum + part.offsetHeight + 4, 8);
      const room = fullscreen ? window.innerHeight - used : Math.min(MAX_BOARD, MAX_HEIGHT - used);
      // Tables need no more than the size of the text around them.
      const largest = columns ? Infinity : MAX_TABLE_SCALE;
      const scale = Math.min(document.documentElement.clientWidth / width, Math.max(room, 160) / height, largest);
      Object.assign(byId('board').style, { width: `${width * scale}px`, height: `${height * scale}px` });
      Object.assign(byId('cells').style, {
        inset: `${margin * scale}px`, gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, 1fr)`,
      });
    }
    const height = Math.ceil(document.querySelector('main').getBoundingClientRect().height);
    host.notify('ui/notifications/size-changed', { height });
  },
};

function valueOf(field, input) {
  if (field.kind === 'boolean') return input.checked;
  if (field.kind === 'choice') return field.values[input.selectedIndex];
  return input.value === '' || field.kind === 'text' ? input.value : Number(input.value);
}

// Milliseconds as 1:05, or 1:02:05.
function clockText(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  if (seconds >= 3600) parts.unshift(Math.floor(seconds / 3600));
  return parts.map((part, at) => (at ? String(part).padStart(2, '0') : part)).join(':');
}
