use super::position::Position;

/// Value of a position for the side to move, in hundredths of a pawn: the pieces, and a little for where they stand.
pub(super) fn evaluate(position: &Position) -> i32 {
    let (mut white, mut black) = (Side::default(), Side::default());
    for (cell, piece) in position.pieces() {
        // Both sides are seen from below, so that row 8 is the first one of each.
        let (side, row) =
            if piece.is_ascii_uppercase() { (&mut white, cell / 10 - 1) } else { (&mut black, 10 - cell / 10) };
        side.add(piece.to_ascii_lowercase(), i32::from(row), i32::from(cell % 10));
    }
    let (white, black) = (white.value(&black), black.value(&white));
    if position.is_white { white - black } else { black - white }
}

/// Value of a kind of piece, given as a small letter.
pub(super) fn worth(piece: u8) -> i32 {
    match piece {
        b'p' => 100,
        b'n' => 320,
        b'b' => 330,
        b'r' => 500,
        b'q' => 900,
        _ => 0,
    }
}

/// The pieces of one side. Rows count from 1, the opponent's first one, to 8, the own first one.
#[derive(Default)]
struct Side {
    /// Value of the pieces without pawns.
    pieces: i32,
    pawns: i32,
    /// Sum of how far each pawn has come.
    advance: i32,
    /// Value of where the pieces stand.
    places: i32,
    king: (i32, i32),
}

/// Without more than this, the opponent's pieces are no danger to a king in the centre.
const ENDGAME: i32 = 1300;

impl Side {
    fn add(&mut self, piece: u8, row: i32, column: i32) {
        let (centre, is_home) = (3 - from_centre(row, column), row == 8);
        match piece {
            b'p' => {
                self.pawns += worth(piece);
                self.advance += 7 - row;
                self.places += if matches!((row, column), (4 | 5, 4 | 5)) { 20 } else { 0 };
            }
            b'k' => self.king = (row, column),
            _ => {
                self.pieces += worth(piece);
                self.places += match piece {
                    b'n' | b'b' => 6 * centre - if is_home { 15 } else { 0 },
                    b'r' if row == 2 => 15,
                    b'r' => centre,
                    // Early in the game a queen in the centre is only chased.
                    _ => 0,
                };
            }
        }
    }

    fn value(&self, other: &Self) -> i32 {
        let (row, column) = self.king;
        let king = if other.pieces > ENDGAME {
            // Behind its pawns, on the side to which it castles.
            (if row == 8 { 15 } else { 0 }) + if matches!(column, 1..=3 | 7 | 8) { 25 } else { 0 }
        } else {
            6 * (3 - from_centre(row, column))
        };
        let pawns = if other.pieces > ENDGAME { 2 } else { 10 } * self.advance;
        self.pieces + self.pawns + self.places + king + pawns + self.hunt(other)
    }

    /// Value of driving the opponent's king to the edge and of the own king's help, for a side that is far ahead.
    fn hunt(&self, other: &Self) -> i32 {
        if other.pieces > ENDGAME || self.pieces < other.pieces + 400 {
            return 0;
        }
        // The opponent counts its rows from the other end.
        let ((row, column), (other_row, other_column)) = (self.king, (9 - other.king.0, other.king.1));
        let apart = (row - other_row).abs() + (column - other_column).abs();
        20 * from_centre(other_row, other_column) - 4 * apart
    }
}

/// Steps to the four cells in the centre, from 0 to 3.
fn from_centre(row: i32, column: i32) -> i32 {
    let steps = |place: i32| if place <= 4 { 4 - place } else { place - 5 };
    steps(row).max(steps(column))
}
