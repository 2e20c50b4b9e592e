"""Draws boards: `text` for models and terminals, `svg` for pages.

A board is the field `board` of a bot's post, a dict of one of two kinds:

    {"kind": "grid", "pieces": "chess" | "discs" | "marks", "columns": "abc", "rows": {"1": "X.O", "2": "...", "3": "..."},
     "last": ["c1"], "line": [], "turned_for": ["s2"]}
    {"kind": "table", "columns": ["", "alice", "bob"], "rows": [["round 1", "rock", "paper"]]}

Rows of a grid have numbers as names. Row 1 of `marks` is at the top, row 1 of `chess` and `discs` at the bottom, as on a real board; the
order in the object means nothing, because JSON objects have none. A character is a cell, and "." an empty one: `chess` has
"KQRBNP" for White and "kqrbnp" for Black, `discs` "R", "Y", "B" and "W" for red, yellow, black and white, `marks` any letters and
digits. The name of a cell is its column and its row, such as "c1". `last`, the cells of the last move, and `line`, the cells that won,
may be left out. So may `turned_for`, the slots that see the grid from the other side: whoever draws it for one of them asks for that
with `turned`. A table has only texts. Other fields are ignored. Whatever is not a board raises `ValueError`.

Bots import this module as `boards`. It must never produce anything from a board's texts but text: no markup, and no references.
"""

import unicodedata

__all__ = ["svg", "text"]

MAX_SIDE = 26  # columns, and rows, of a grid
MAX_COLUMNS, MAX_ROWS = 12, 64  # of a table
MAX_CHARACTERS = 32  # of a text in a table; longer ones are cut

_ROW_NAMES = frozenset(str(number + 1) for number in range(MAX_SIDE))
_PIECES = {"K": "king", "Q": "queen", "R": "rook", "B": "bishop", "N": "knight", "P": "pawn"}
_DISCS = {"R": "red", "Y": "yellow", "B": "black", "W": "white"}
_CHARACTERS = {
    "chess": frozenset("KQRBNPkqrbnp"),
    "discs": frozenset(_DISCS),
    "marks": frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
}

# Outlines of the chess pieces, in a square of 36 by 36, and lines on them.
_OUTLINES = {
    "P": "M18 7.5a5 5 0 0 1 3.2 8.8c.6 4 2.4 6.9 5.3 8.7v4h-17v-4c2.9-1.8 4.7-4.7 5.3-8.7A5 5 0 0 1 18 7.5z",
    "R": "M9 7h4v3h3V7h4v3h3V7h4v7l-3 2v8l3 2v3H9v-3l3-2v-8l-3-2z",
    "N": "M15.5 5l2.5 3c6.5 1 9.5 8 9 21h-15c-.5-6 4.5-8 5-12.5-2 1.5-4.5 1-6 4L7.5 18c.5-4.5 3-7.5 6.5-9.5z",
    "B": "M18 4.5a2 2 0 0 1 1.4 3.5c3.6 2.5 5.1 5.3 5.1 8.2 0 2.3-1.1 4.3-3 5.6l1 3.2c2.4.3 3.9 1.3 4.5 4H9"
         "c.6-2.7 2.1-3.7 4.5-4l1-3.2c-1.9-1.3-3-3.3-3-5.6 0-2.9 1.5-5.7 5.1-8.2A2 2 0 0 1 18 4.5z",
    "Q": "M7.5 9l4.7 8 1.6-10.5L18 16l4.2-9.5L23.8 17l4.7-8-2.7 16 1.7 4h-19l1.7-4z",
    "K": "M16.5 4h3v2.5H22v3h-2.5V13c5-2.5 9.5-.5 9 4-.4 3.5-3.5 5-4 8l1.5 4H10l1.5-4c-.5-3-3.6-4.5-4-8-.5-4.5 4-6.5 9-4V9.5H14v-3h2.5z",
}
_DETAILS = {"P": "M12.5 25h11", "R": "M12 16h12M12 24h12", "N": "M16 12.5v.1", "B": "M18 12v6M15 15h6M13.5 25h9",
            "Q": "M10.2 25h15.6", "K": "M11.5 25h13M18 13v5"}

# Colours: pairs are for the light and the dark squares of a chess board; elsewhere the first is used.
_LIGHT = {
    "page": "#ffffff", "ink": "#262626", "grid": "#aab4c0", "stripe": "#eef1f6", "cell": ("#eef1f6", "#eef1f6"),
    "square": ("#f0dfc0", "#a97c50"), "last": ("#f6e58d", "#d1b33f"), "line": ("#9fdba6", "#66b06f"), "edge": "#1b1b1b",
    "white": "#ffffff", "black": "#1b1b1b", "red": "#c62828", "yellow": "#fbc02d", "X": "#174ea6", "O": "#9c1c14",
}
_DARK = {
    "page": "#16191d", "ink": "#e8eaed", "grid": "#5d6773", "stripe": "#242a31", "cell": ("#2b333c", "#2b333c"),
    "square": ("#b4bdc7", "#74818d"), "last": ("#cdbf62", "#a08f36"), "line": ("#84c08d", "#55965f"), "edge": "#0d0d0d",
    "white": "#ffffff", "black": "#0d0d0d", "red": "#d64545", "yellow": "#fdd663", "X": "#8ab4f8", "O": "#f6a199",
}
# On the dark cells of discs and marks, which no chess piece is on.
_DARK_CELLS = {"last": ("#54480c", "#54480c"), "line": ("#17512b", "#17512b"), "edge": "#f1f3f4"}

_WIDTH = 320  # of a board, as narrow as a chat may be
# The names of rows and columns are in the corners of cells, or in a margin if the cells are too small for that.
_MARGIN, _SMALL = 16, 36
_LINE_HEIGHT, _FONT_SIZE, _CHARACTER_WIDTH, _PADDING = 24, 13, 8, 8


def text(board):
    """Returns a board as lines of text in a fixed width, with the names of its rows and columns."""
    if _kind_of(board) == "table":
        columns, rows = _read_table(board)
        lines = [columns, *rows]
        widths = [max(map(_width, column)) for column in zip(*lines)]
        return "\n".join("  ".join(each + " " * (width - _width(each)) for each, width in zip(line, widths)).rstrip() for line in lines)
    grid = _Grid(board)
    indent = max(map(len, grid.rows))
    lines = [f"{row:>{indent}} {' '.join(cells)}" for row, cells in grid.rows.items()]
    lines.append(" " * (indent + 1) + " ".join(grid.columns))
    lines += [f"{name}: {' '.join(cells)}" for name, cells in (("last", grid.last), ("line", grid.line)) if cells]
    return "\n".join(lines)


def svg(board, dark=False, turned=False):
    """Returns a board as an SVG document, for a light or a dark page. It has no styles, scripts, ids or references.

    `turned` shows a grid from the other side, with the last row and the last column first.
    """
    if _kind_of(board) == "table":
        return _table_svg(*_read_table(board), _DARK if dark else _LIGHT)
    return _grid_svg(_Grid(board), bool(dark), bool(turned))


# ---- Reading a board --------------------------------------------------------------------


class _Grid:
    """A grid that has been checked."""

    def __init__(self, board):
        self.pieces, self.columns, self.rows = board.get("pieces"), board.get("columns"), board.get("rows")
        if not isinstance(self.pieces, str) or self.pieces not in _CHARACTERS:
            raise ValueError('`pieces` of a grid is "chess", "discs" or "marks"')
        if not isinstance(self.columns, str) or not 1 <= len(self.columns) <= MAX_SIDE or not _is_plain(self.columns):
            raise ValueError(f"`columns` of a grid is a text of 1 to {MAX_SIDE} letters and digits, one for each column")
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("`columns` of a grid names a column twice")
        if not isinstance(self.rows, dict) or not 1 <= len(self.rows) <= MAX_SIDE:
            raise ValueError(f"`rows` of a grid is an object of 1 to {MAX_SIDE} rows")
        for row, cells in self.rows.items():
            self._check_row(row, cells)
        self.rows = dict(sorted(self.rows.items(), key=lambda row: int(row[0]), reverse=self.pieces in ("chess", "discs")))
        self.names = {column + row: (x, y) for y, row in enumerate(self.rows) for x, column in enumerate(self.columns)}
        self.last, self.line = self._cells("last", board.get("last")), self._cells("line", board.get("line"))

    def _check_row(self, row, cells):
        if not isinstance(row, str) or row not in _ROW_NAMES:
            raise ValueError(f"the name of a row is a number from 1 to {MAX_SIDE}, as text")
        if not isinstance(cells, str) or len(cells) != len(self.columns):
            raise ValueError(f"row {row} of the grid must be a text of {len(self.columns)} characters, one for each column")
        unknown = set(cells) - _CHARACTERS[self.pieces] - {"."}
        if unknown:
            raise ValueError(f"row {row} of the grid has {min(unknown)!r}, which is not one of the pieces of {self.pieces!r}")

    def _cells(self, name, listed):
        if listed is None:
            return []
        if not isinstance(listed, (list, tuple)) or len(listed) > len(self.names):
            raise ValueError(f"`{name}` of a grid is a list of cells")
        for cell in listed:
            if not isinstance(cell, str) or cell not in self.names:
                raise ValueError(f"`{name}` of a grid has {cell!r:.40}, which is not one of its cells")
        return list(listed)

    def at(self, wanted):
        """Returns the names of the cells that have a character."""
        return [column + row for row, cells in self.rows.items() for column, cell in zip(self.columns, cells) if cell == wanted]

    def title(self):
        """Returns the position in words."""
        sentences = [f"Board of {len(self.columns)} columns and {len(self.rows)} rows"]
        if self.pieces == "chess":
            for side, change in (("White", str.upper), ("Black", str.lower)):
                found = [(name, self.at(change(letter))) for letter, name in _PIECES.items()]
                listed = [f"{name}{'s' if len(cells) > 1 else ''} {', '.join(cells)}" for name, cells in found if cells]
                sentences.append(f"{side}: {'; '.join(listed) or 'nothing'}")
        else:
            used = sorted(set("".join(self.rows.values())) - {"."})
            names = _DISCS if self.pieces == "discs" else {}
            sentences += [f"{names.get(each, each).capitalize()}: {', '.join(self.at(each))}" for each in used] or ["It is empty"]
        if self.last:
            sentences.append(f"Last move: {', '.join(self.last)}")
        if self.line:
            sentences.append(f"Winning line: {', '.join(self.line)}")
        return ". ".join(sentences) + "."


def _kind_of(board):
    kind = board.get("kind") if isinstance(board, dict) else None
    if not isinstance(kind, str) or kind not in ("grid", "table"):
        raise ValueError('a board is an object whose `kind` is "grid" or "table"')
    return kind


def _read_table(board):
    """Returns the columns and the rows of a table, with all texts made fit for one line."""
    columns, rows = board.get("columns"), board.get("rows")
    if not isinstance(columns, (list, tuple)) or not 1 <= len(columns) <= MAX_COLUMNS:
        raise ValueError(f"`columns` of a table is a list of 1 to {MAX_COLUMNS} texts")
    if not isinstance(rows, (list, tuple)) or len(rows) > MAX_ROWS:
        raise ValueError(f"`rows` of a table is a list of at most {MAX_ROWS} rows")
    for row in rows:
        if not isinstance(row, (list, tuple)) or len(row) != len(columns):
            raise ValueError(f"each row of this table is a list of {len(columns)} texts, one for each column")
    if not all(isinstance(each, str) for row in (columns, *rows) for each in row):
        raise ValueError("a table has texts only")
    return [_one_line(each) for each in columns], [[_one_line(each) for each in row] for row in rows]


def _one_line(value):
    """Returns a text without control and format characters, of which XML forbids some, and cut if it is long."""
    # Cut before anything else, so that a text of a megabyte costs no more than a short one.
    value = " ".join(value[:4 * MAX_CHARACTERS].split())
    value = "".join(each for each in value if each.isprintable() or each in "\u200c\u200d")
    return value if len(value) <= MAX_CHARACTERS else value[:MAX_CHARACTERS - 1] + "\u2026"


def _is_plain(value):
    return value.isascii() and value.isalnum()


def _width(value):
    """Returns how many characters of a fixed width a text takes."""
    return sum(0 if unicodedata.combining(each) or each in "\u200c\u200d" else 1 + (unicodedata.east_asian_width(each) in "WF")
               for each in value)


# ---- Drawing ----------------------------------------------------------------------------


def _grid_svg(grid, dark, turned):
    colours = _DARK if dark else _LIGHT
    chess = grid.pieces == "chess"
    if dark and not chess:
        colours = colours | _DARK_CELLS
    cell = max(24, _WIDTH // max(len(grid.columns), min(len(grid.rows), 8), 3))
    margin = _MARGIN if cell < _SMALL or len(grid.rows) > 9 else 0
    right, below = cell * len(grid.columns), cell * len(grid.rows)
    parts = [_rectangle(0, 0, right + 2 * margin, below + 2 * margin, colours["page"])]
    draw = {"chess": _chess_piece, "discs": _disc, "marks": _mark}[grid.pieces]
    for name, (x, y) in grid.names.items():
        piece = grid.rows[name[1:]][x]
        # The square in the corner below, left is dark, as a1 of a chess board.
        shade = (x + len(grid.rows) - y) % 2 if chess else 0
        left, top = margin + x * cell, margin + y * cell
        if turned:
            left, top = margin + right - (x + 1) * cell, margin + below - (y + 1) * cell
        fill = "line" if name in grid.line else "last" if name in grid.last else "square" if chess else "cell"
        border = "" if chess else f' stroke="{colours["grid"]}"'
        parts.append(_rectangle(left, top, cell, cell, colours[fill][shade], border))
        if name in grid.line:
            parts.append(_rectangle(left + 2, top + 2, cell - 4, cell - 4, "none", f' stroke="{colours["edge"]}" stroke-width="2"'))
        if piece != ".":
            parts.append(draw(piece, left, top, cell, colours))
        # The names of rows are on the left, those of columns below. Squares of a chess board are never dark.
        ink = colours["edge" if chess and not margin else "ink"]
        if left == margin:
            parts.append(_label(name[1:], *((margin // 2, top + cell // 2 + 4) if margin else (5, top + 10)), ink))
        if top == margin + below - cell:
            parts.append(_label(name[0], *((left + cell // 2, top + cell + 12) if margin else (left + cell - 4, top + cell - 3)), ink))
    return _document(right + 2 * margin, below + 2 * margin, grid.title(), parts)


def _chess_piece(piece, left, top, size, colours):
    fill, lines = (colours["white"], colours["edge"]) if piece.isupper() else (colours["black"], colours["white"])
    letter = piece.upper()
    pen = 2.5 if letter == "N" else 1.5  # the knight's eye is a dot
    # A little larger than the square that the outlines are drawn in, about the same centre.
    scale, shift = size * 1.12 / 36, size * 0.06
    return (f'<g transform="translate({left - shift:g} {top - shift:g}) scale({scale:.4g})" stroke-width="1.5" stroke-linejoin="round" '
            f'stroke-linecap="round"><path d="{_OUTLINES[letter]}" fill="{fill}" stroke="{colours["edge"]}"/>'
            f'<path d="{_DETAILS[letter]}" fill="none" stroke="{lines}" stroke-width="{pen}"/></g>')


def _disc(piece, left, top, size, colours):
    centre = f'cx="{left + size / 2:g}" cy="{top + size / 2:g}"'
    disc = f'<circle {centre} r="{size * 0.38:.4g}" fill="{colours[_DISCS[piece]]}" stroke="{colours["edge"]}" stroke-width="2"/>'
    # A ring, so that discs differ not only by their colours.
    ring = "" if piece in "RB" else f'<circle {centre} r="{size * 0.22:.4g}" fill="none" stroke="#1b1b1b" stroke-width="2"/>'
    return disc + ring


def _mark(piece, left, top, size, colours):
    x, y, near, far = left + size / 2, top + size / 2, round(size * 0.25), size - round(size * 0.25)
    pen = f'fill="none" stroke-width="{size * 0.1:.4g}" stroke-linecap="round"'
    if piece == "X":
        lines = f"M{left + near} {top + near}L{left + far} {top + far}M{left + far} {top + near}L{left + near} {top + far}"
        return f'<path d="{lines}" {pen} stroke="{colours["X"]}"/>'
    if piece == "O":
        return f'<circle cx="{x:g}" cy="{y:g}" r="{size * 0.27:.4g}" {pen} stroke="{colours["O"]}"/>'
    return _words(piece, x, f"{y + size * 0.19:.4g}", colours["ink"], round(size * 0.55), ' text-anchor="middle"')


def _table_svg(columns, rows, colours):
    lines = [columns, *rows]
    widths = [max(map(_width, column)) * _CHARACTER_WIDTH + 2 * _PADDING for column in zip(*lines)]
    width, height = sum(widths), _LINE_HEIGHT * len(lines)
    parts = [_rectangle(0, 0, width, height, colours["page"])]
    for y, line in enumerate(lines):
        if y % 2:
            parts.append(_rectangle(0, y * _LINE_HEIGHT, width, _LINE_HEIGHT, colours["stripe"]))
        bold = "" if y else ' font-weight="bold"'
        left = _PADDING
        for each, column_width in zip(line, widths):
            if each:
                parts.append(_words(each, left, y * _LINE_HEIGHT + 17, colours["ink"], _FONT_SIZE, bold))
            left += column_width
    parts.append(f'<path d="M0 {_LINE_HEIGHT}H{width}" stroke="{colours["grid"]}"/>')
    named = [", ".join(" ".join(filter(None, (column, each))) for column, each in zip(columns, row) if each) for row in rows]
    return _document(width, height, "Table. " + " ".join(f"{each}." for each in named if each), parts)


def _document(width, height, title, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
            f"<title>{_escape(title)}</title>{''.join(parts)}</svg>")


def _rectangle(x, y, width, height, fill, border=""):
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}"{border}/>'


def _label(value, x, y, ink):
    return _words(value, x, y, ink, 10, ' text-anchor="middle"')


def _words(value, x, y, fill, size, more=""):
    font = 'font-family="ui-monospace,Menlo,Consolas,monospace"'
    return f'<text x="{x:g}" y="{y}" fill="{fill}" {font} font-size="{size}"{more}>{_escape(value)}</text>'


def _escape(value):
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        value = value.replace(character, entity)
    return value
