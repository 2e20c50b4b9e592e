// The moves that a referee offers in `actions`, by the cells of the board that name them.

const CHESS = { k: 'king', q: 'queen', r: 'rook', b: 'bishop', n: 'knight', p: 'pawn' };
const DISCS = { R: 'red', Y: 'yellow', B: 'black', W: 'white' };

// The cells of a grid in the order in which they are drawn: {name, column, piece}. A table has none. From the side of a slot
// in `turned_for`, the last row and the last column come first.
function cellsOf(board, slot) {
  if (board.kind !== 'grid' || typeof board.columns !== 'string' || !board.rows) return [];
  // Row 1 of marks is at the top, as in boards.py.
  const sign = board.pieces === 'marks' ? 1 : -1;
  const rows = Object.keys(board.rows).sort((a, b) => sign * (a - b));
  const cells = rows.flatMap(row => [...board.columns].map((column, at) =>
    ({ name: column + row, column, piece: pieceName(board.pieces, board.rows[row][at]) })));
  return Array.isArray(board.turned_for) && board.turned_for.includes(slot) ? cells.reverse() : cells;
}

function pieceName(pieces, piece) {
  if (piece === undefined || piece === '.') return '';
  if (pieces === 'chess') return `${piece < 'a' ? 'white' : 'black'} ${CHESS[piece.toLowerCase()]}`;
  return pieces === 'discs' ? DISCS[piece] : piece;
}

// Sorts ready-made texts: `taps` by the cell or column that is the whole text, `steps` by two cells, such as e2e4 or
// e7e8q, and `others`.
function sortMoves(actions, cells) {
  const names = cells.map(cell => cell.name);
  const columns = new Set(cells.map(cell => cell.column));
  const moves = { taps: new Map(), columns: new Map(), steps: new Map(), others: [] };
  for (const text of actions) {
    const step = stepOf(text, names);
    if (names.includes(text)) moves.taps.set(text, text);
    else if (columns.has(text)) moves.columns.set(text, text);
    else if (step) {
      if (!moves.steps.has(step.from)) moves.steps.set(step.from, new Map());
      const targets = moves.steps.get(step.from);
      targets.set(step.to, [...(targets.get(step.to) || []), { text, choice: step.choice }]);
    } else moves.others.push(text);
  }
  return moves;
}

// Splits a text into two cells and what follows, such as the piece of a promotion.
function stepOf(text, names) {
  const longest = start => names.filter(name => start.startsWith(name)).sort((a, b) => b.length - a.length)[0];
  const from = longest(text);
  const to = from && longest(text.slice(from.length).replace(/^-/, ''));
  if (!to) return null;
  const choice = text.slice(text.lastIndexOf(to) + to.length);
  return /^(=?[a-zA-Z])?$/.test(choice) ? { from, to, choice: choice.replace('=', '') } : null;
}

// The fields of a JSON Schema that a small form can fill in; null if it needs more than that.
function fieldsOf(schema) {
  const required = Array.isArray(schema.required) ? schema.required : [];
  const fields = Object.entries(schema.properties || {}).map(([name, rules]) => {
    if (!rules || typeof rules !== 'object') return null;
    const field = { name, required: required.includes(name), min: rules.minimum, max: rules.maximum };
    if (rules.const !== undefined) return { ...field, kind: 'choice', values: [rules.const] };
    if (Array.isArray(rules.enum)) return { ...field, kind: 'choice', values: rules.enum };
    if (rules.type === 'integer' || rules.type === 'number') return { ...field, kind: rules.type };
    if (rules.type === 'boolean') return { ...field, kind: 'boolean' };
    if (rules.type === 'string') return { ...field, kind: 'text', max: rules.maxLength };
    return null;
  });
  return fields.length && fields.length <= 6 && fields.every(Boolean) ? fields : null;
}
