use std::fmt;

/// A cell without a piece.
pub(super) const EMPTY: u8 = b'.';
/// The border around the board.
const OUTSIDE: u8 = b' ';
/// Cells in a row of the board and its border: a8 is cell 21, h1 is cell 98. A step over an edge ends on a cell of the border.
const WIDTH: i8 = 10;

const STRAIGHT: [i8; 4] = [-WIDTH, -1, 1, WIDTH];
const DIAGONAL: [i8; 4] = [-WIDTH - 1, -WIDTH + 1, WIDTH - 1, WIDTH + 1];
const AROUND: [i8; 8] = [-11, -10, -9, -1, 1, 9, 10, 11];
const LEAPS: [i8; 8] = [-21, -19, -12, -8, 8, 12, 19, 21];

/// A chess position: pieces, the side to move, and the cell on which a pawn can be captured en passant.
///
/// Castling rights and the counters of a FEN are left out: the referee says which moves are legal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position {
    cells: [u8; 120],
    pub(super) is_white: bool,
    /// The cell, or 0.
    passant: u8,
}

/// A move, between two cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Move {
    from: u8,
    to: u8,
    /// The piece that a pawn becomes, as a small letter, if it promotes.
    promotion: Option<u8>,
}

impl Move {
    /// Parses a move in UCI notation, such as `e2e4` or `e7e8q`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (cells, promotion) = match text.as_bytes() {
            [cells @ .., piece @ (b'q' | b'r' | b'b' | b'n')] if cells.len() == 4 => (cells, Some(*piece)),
            cells => (cells, None),
        };
        let [from_column, from_row, to_column, to_row] = *cells else { return None };
        Some(Self { from: cell(from_column, from_row)?, to: cell(to_column, to_row)?, promotion })
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for cell in [self.from, self.to] {
            write!(f, "{}{}", char::from(b'a' + cell % 10 - 1), 10 - cell / 10)?;
        }
        self.promotion.map_or(Ok(()), |piece| write!(f, "{}", char::from(piece)))
    }
}

fn cell(column: u8, row: u8) -> Option<u8> {
    let is_on_board = (b'a'..=b'h').contains(&column) && (b'1'..=b'8').contains(&row);
    is_on_board.then(|| 21 + 10 * (b'8' - row) + (column - b'a'))
}

fn step(from: u8, step: i8) -> u8 {
    from.wrapping_add_signed(step)
}

impl Position {
    /// Parses a position in Forsyth-Edwards notation. Returns `None` unless it has 64 cells and one king of each side.
    pub(super) fn parse(fen: &str) -> Option<Self> {
        let mut fields = fen.split(' ');
        let (rows, side, _castling, passant) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let passant = match passant.as_bytes() {
            [column, row] => cell(*column, *row)?,
            _ => 0,
        };
        let mut position = Self { cells: [OUTSIDE; 120], is_white: side == "w", passant };
        let mut count = 0;
        for (row, text) in rows.split('/').enumerate() {
            let mut at = 21 + 10 * row;
            for letter in text.bytes() {
                let (piece, length) = if letter.is_ascii_digit() { (EMPTY, letter - b'0') } else { (letter, 1) };
                for _ in 0..length {
                    *position.cells.get_mut(at).filter(|_| at % 10 != 9)? = piece;
                    (at, count) = (at + 1, count + 1);
                }
            }
        }
        let kings = [b'K', b'k'].map(|king| position.pieces().filter(|(_, piece)| *piece == king).count());
        (count == 64 && kings == [1, 1]).then_some(position)
    }

    /// All pieces with their cells.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u8, u8)> {
        let cells = (21..99).zip(&self.cells[21..99]);
        cells.filter(|(_, piece)| piece.is_ascii_alphabetic()).map(|(cell, piece)| (cell, *piece))
    }

    /// The piece on a cell.
    fn at(&self, cell: u8) -> u8 {
        self.cells[usize::from(cell)]
    }

    fn is_own(&self, piece: u8) -> bool {
        if self.is_white { piece.is_ascii_uppercase() } else { piece.is_ascii_lowercase() }
    }

    fn is_other(&self, piece: u8) -> bool {
        piece.is_ascii_alphabetic() && !self.is_own(piece)
    }

    /// The piece that a move captures, if it does.
    pub(super) fn captured(&self, move_: Move) -> Option<u8> {
        let target = self.at(move_.to);
        if target == EMPTY { self.is_en_passant(move_).then_some(b'p') } else { Some(target.to_ascii_lowercase()) }
    }

    /// The piece that a move moves, as a small letter.
    pub(super) fn moved(&self, move_: Move) -> u8 {
        self.at(move_.from).to_ascii_lowercase()
    }

    /// Returns `true` if a move makes a pawn another piece.
    pub(super) fn promotes(move_: Move) -> bool {
        move_.promotion.is_some()
    }

    fn is_en_passant(&self, move_: Move) -> bool {
        move_.to == self.passant && self.moved(move_) == b'p'
    }

    /// The moves of the side to move, but castling, and promotion only to a queen. Some leave the king in check: see
    /// [`after`](Self::after).
    pub(super) fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::with_capacity(48);
        for (from, piece) in self.pieces().filter(|(_, piece)| self.is_own(*piece)) {
            match piece.to_ascii_lowercase() {
                b'p' => self.add_pawn_moves(from, &mut moves),
                b'n' => self.add_moves(from, &LEAPS, false, &mut moves),
                b'b' => self.add_moves(from, &DIAGONAL, true, &mut moves),
                b'r' => self.add_moves(from, &STRAIGHT, true, &mut moves),
                b'q' => self.add_moves(from, &AROUND, true, &mut moves),
                _ => self.add_moves(from, &AROUND, false, &mut moves),
            }
        }
        moves
    }

    fn add_moves(&self, from: u8, directions: &[i8], slides: bool, moves: &mut Vec<Move>) {
        for direction in directions {
            let mut to = step(from, *direction);
            while self.at(to) == EMPTY && slides {
                moves.push(Move { from, to, promotion: None });
                to = step(to, *direction);
            }
            if self.at(to) == EMPTY || self.is_other(self.at(to)) {
                moves.push(Move { from, to, promotion: None });
            }
        }
    }

    fn add_pawn_moves(&self, from: u8, moves: &mut Vec<Move>) {
        let (ahead, home) = if self.is_white { (-WIDTH, 8) } else { (WIDTH, 3) };
        let mut add = |to: u8| {
            let promotion = matches!(to / 10, 2 | 9).then_some(b'q');
            moves.push(Move { from, to, promotion });
        };
        let next = step(from, ahead);
        for to in [next - 1, next + 1] {
            if self.is_other(self.at(to)) || to == self.passant {
                add(to);
            }
        }
        if self.at(next) == EMPTY {
            add(next);
            let double = step(next, ahead);
            if from / 10 == home && self.at(double) == EMPTY {
                add(double);
            }
        }
    }

    /// The position after a move; `None` if the move leaves the own king in check.
    pub(super) fn after(&self, move_: Move) -> Option<Self> {
        let Move { from, to, promotion } = move_;
        let mut next = Self { passant: 0, ..self.clone() };
        let piece = self.at(from);
        let promoted = promotion.map(|kind| if self.is_white { kind.to_ascii_uppercase() } else { kind });
        next.put(from, EMPTY);
        next.put(to, promoted.unwrap_or(piece));
        match piece {
            b'P' | b'p' if self.is_en_passant(move_) => {
                next.put(step(to, if self.is_white { WIDTH } else { -WIDTH }), EMPTY);
            }
            b'P' | b'p' if from.abs_diff(to) == 20 => next.passant = from.midpoint(to),
            b'K' | b'k' if from.abs_diff(to) == 2 => {
                let corner = if to > from { to + 1 } else { to - 2 };
                next.put(from.midpoint(to), self.at(corner));
                next.put(corner, EMPTY);
            }
            _ => {}
        }
        let is_in_check = next.is_in_check();
        next.is_white = !self.is_white;
        (!is_in_check).then_some(next)
    }

    fn put(&mut self, cell: u8, piece: u8) {
        self.cells[usize::from(cell)] = piece;
    }

    /// Returns `true` if the king of the side to move is attacked.
    pub(super) fn is_in_check(&self) -> bool {
        let king = if self.is_white { b'K' } else { b'k' };
        let Some((king, _)) = self.pieces().find(|(_, piece)| *piece == king) else { return true };
        let ahead = if self.is_white { -WIDTH } else { WIDTH };
        let is = |cell: u8, kinds: &[u8]| {
            let piece = self.at(cell);
            self.is_other(piece) && kinds.contains(&piece.to_ascii_lowercase())
        };
        let slides_here = |direction: i8, kinds: &[u8]| {
            let mut cell = step(king, direction);
            while self.at(cell) == EMPTY {
                cell = step(cell, direction);
            }
            is(cell, kinds)
        };
        [ahead - 1, ahead + 1].into_iter().any(|side| is(step(king, side), b"p"))
            || LEAPS.into_iter().any(|leap| is(step(king, leap), b"n"))
            || AROUND.into_iter().any(|direction| is(step(king, direction), b"k"))
            || STRAIGHT.into_iter().any(|direction| slides_here(direction, b"rq"))
            || DIAGONAL.into_iter().any(|direction| slides_here(direction, b"bq"))
    }
}
