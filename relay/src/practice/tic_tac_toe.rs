use serde_json::Value;

use super::game::{Answer, Game, Post, Seat};
use super::turn::Turn;
use super::vote::Vote;

/// The cells in reading order, as the referee's board and actions name them.
const CELLS: [&str; 9] = ["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"];
const LINES: [[usize; 3]; 8] = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];
/// A cell without a mark.
const FREE: char = '.';
/// The cells by preference: the centre, the corners, the sides.
const PREFERRED: [usize; 9] = [4, 0, 2, 6, 8, 1, 3, 5, 7];

/// A partner in the game of `TicTacToeBot`: wins if it can, else prevents the opponent from winning, else prefers the centre.
/// It looks one move ahead, so that a person can beat it.
#[derive(Debug, Default)]
pub(super) struct TicTacToe {
    turn: Turn,
    vote: Vote,
}

impl Game for TicTacToe {
    fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        self.turn.read(seat, post);
        self.vote.read(seat, post);
    }

    fn answer(&self, _: &Seat, after: u64) -> Option<Answer> {
        let Some(offer) = self.turn.offer_after(after) else { return self.vote.answer(after) };
        let cell = choose(cells(offer.field("board"))?)?;
        Some(offer.take(CELLS[cell]))
    }
}

/// The cells of a board, which is a grid of three rows from the top; `None` if it is not.
fn cells(board: &Value) -> Option<[char; 9]> {
    let rows = ["1", "2", "3"].into_iter().map(|row| board["rows"][row].as_str());
    rows.collect::<Option<String>>()?.chars().collect::<Vec<_>>().try_into().ok()
}

/// The cell of the player who is to move; `None` on a full board.
fn choose(board: [char; 9]) -> Option<usize> {
    let count = |mark: char| board.iter().filter(|cell| **cell == mark).count();
    // X begins.
    let (own, other) = if count('X') == count('O') { ('X', 'O') } else { ('O', 'X') };
    let completes = |mark: char| {
        LINES.iter().find_map(|line| {
            let marked = line.iter().filter(|cell| board[**cell] == mark).count();
            line.iter().copied().find(|cell| marked == 2 && board[*cell] == FREE)
        })
    };
    completes(own).or_else(|| completes(other)).or_else(|| PREFERRED.into_iter().find(|cell| board[*cell] == FREE))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{CELLS, cells, choose};

    fn chosen(top: &str, middle: &str, bottom: &str) -> Option<&'static str> {
        let board = json!({ "kind": "grid", "columns": "abc", "rows": { "1": top, "2": middle, "3": bottom } });
        choose(cells(&board).unwrap()).map(|cell| CELLS[cell])
    }

    #[test]
    fn it_wins_blocks_and_prefers_the_centre() {
        assert_eq!(chosen("...", "...", "..."), Some("b2"));
        assert_eq!(chosen("X..", "...", "..."), Some("b2"));
        assert_eq!(chosen("...", ".X.", "..."), Some("a1"));
        assert_eq!(chosen("XX.", ".O.", "..."), Some("c1"), "blocks");
        assert_eq!(chosen("XX.", "OO.", "X.."), Some("c2"), "wins rather than blocks");
        assert_eq!(chosen("XOX", "XOO", "OXX"), None);
    }

    #[test]
    fn it_does_not_answer_what_is_no_board() {
        let short = json!({ "rows": { "1": "...", "2": "...", "3": ".." } });
        for board in [json!(null), json!(["", "X"]), json!({ "rows": { "1": "...", "2": "..." } }), short] {
            assert_eq!(cells(&board), None, "{board}");
        }
    }
}
