use serde_json::Value;

use super::game::Seat;
use super::strategy::Strategy;
use super::turn::Offer;

const WIDTH: usize = 7;
const HEIGHT: usize = 6;
/// A cell without a disc.
const FREE: char = '.';
/// The columns by preference: the middle first, where most lines cross.
const PREFERRED: [usize; WIDTH] = [3, 2, 4, 1, 5, 0, 6];
/// Steps along the four kinds of line: across, upright, and the two diagonals.
const DIRECTIONS: [(isize, isize); 4] = [(1, 0), (0, 1), (1, 1), (1, -1)];

/// Moves in the game of `ConnectFourBot`: wins if it can, else prevents the opponent from winning, else prefers the middle among
/// the columns after which the opponent cannot win. It looks two moves ahead, so that a person can beat it.
#[derive(Debug)]
pub(super) struct ConnectFour;

impl Strategy for ConnectFour {
    fn choose(&self, _: &Seat, offer: &Offer) -> Option<String> {
        let board = offer.field("board");
        let column = Board::parse(board)?.choose()?;
        board["columns"].as_str()?.chars().nth(column).map(String::from)
    }
}

/// The discs in each column, from below.
#[derive(Clone, Debug, PartialEq)]
struct Board([[char; HEIGHT]; WIDTH]);

impl Board {
    /// Parses the referee's board, a grid with the rows `1` to `6` from below. Returns `None` if it is something else.
    fn parse(board: &Value) -> Option<Self> {
        let mut cells = [[FREE; HEIGHT]; WIDTH];
        for row in 0..HEIGHT {
            let discs: Vec<char> = board["rows"][(row + 1).to_string()].as_str()?.chars().collect();
            let discs: [char; WIDTH] = discs.try_into().ok()?;
            for (column, disc) in discs.into_iter().enumerate() {
                cells[column][row] = disc;
            }
        }
        Some(Self(cells))
    }

    /// The column of the player who is to move; `None` on a full board.
    fn choose(&self) -> Option<usize> {
        let count = |disc: char| self.0.iter().flatten().filter(|cell| **cell == disc).count();
        // Red begins.
        let (own, other) = if count('R') == count('Y') { ('R', 'Y') } else { ('Y', 'R') };
        let is_safe = |column: &usize| self.drop(*column, own).is_some_and(|(next, _)| next.winning(other).is_none());
        let free = PREFERRED.into_iter().filter(|column| self.0[*column].contains(&FREE));
        let mut safe = free.clone().filter(is_safe);
        self.winning(own).or_else(|| self.winning(other)).or_else(|| safe.next()).or_else(|| free.clone().next())
    }

    /// A column in which a player wins at once.
    fn winning(&self, disc: char) -> Option<usize> {
        PREFERRED
            .into_iter()
            .find(|column| self.drop(*column, disc).is_some_and(|(next, row)| next.has_line(*column, row)))
    }

    /// The board after a move, and the row of the new disc; `None` if the column is full.
    fn drop(&self, column: usize, disc: char) -> Option<(Self, usize)> {
        let row = self.0[column].iter().position(|cell| *cell == FREE)?;
        let mut next = self.clone();
        next.0[column][row] = disc;
        Some((next, row))
    }

    /// Returns `true` if the disc in this cell is one of four or more in a line.
    fn has_line(&self, column: usize, row: usize) -> bool {
        let disc = self.0[column][row];
        let is_same = |along: isize, up: isize| {
            let column = column.checked_add_signed(along).and_then(|column| self.0.get(column));
            let cell = column.and_then(|cells| cells.get(row.checked_add_signed(up)?));
            cell == Some(&disc)
        };
        DIRECTIONS.into_iter().any(|(along, up)| {
            let reach = |way: isize| (1..4).take_while(|steps| is_same(way * steps * along, way * steps * up)).count();
            1 + reach(1) + reach(-1) >= 4
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Board, ConnectFour, Seat, Strategy as _};
    use crate::practice::turn::Offer;

    /// Chooses on a board, whose rows are given from above; rows that are left out are empty.
    fn chosen(rows: &[&str]) -> Option<String> {
        let empty = (rows.len()..6).map(|_| ".......");
        let numbers = ["6", "5", "4", "3", "2", "1"].map(str::to_owned);
        let rows: Map<String, Value> = numbers
            .into_iter()
            .zip(empty.chain(rows.iter().copied()))
            .map(|(row, discs)| (row, discs.into()))
            .collect();
        let board = json!({ "board": { "kind": "grid", "columns": "abcdefg", "rows": rows } });
        ConnectFour.choose(&Seat::default(), &Offer { to: 1, seed: 0, fields: board.as_object().unwrap().clone() })
    }

    #[test]
    fn it_begins_in_the_middle() {
        assert_eq!(chosen(&[]).unwrap(), "d");
    }

    #[test]
    fn it_wins_rather_than_blocks() {
        assert_eq!(chosen(&["RRR.YYY"]).unwrap(), "d");
        assert_eq!(chosen(&["Y......", "Y.....R", "Y.R..RR"]).unwrap(), "a", "upright");
        assert_eq!(chosen(&["..RYR..", ".RYRY..", "RYYRYRY"]).unwrap(), "d", "on a diagonal");
    }

    #[test]
    fn it_blocks() {
        assert_eq!(chosen(&["YY.....", "RRR...."]).unwrap(), "d");
        assert_eq!(chosen(&["R......", "R.....Y", "R.....Y"]).unwrap(), "a");
    }

    #[test]
    fn it_does_not_hand_over_the_cell_on_top() {
        // A disc on d1 would let the opponent complete its line on d2.
        assert_ne!(chosen(&["YYY....", "RRY.RR."]).unwrap(), "d");
    }

    #[test]
    fn it_plays_on_where_every_column_loses() {
        // Red threatens both ends of its line.
        assert_eq!(chosen(&["..YY...", "..RRR.."]).unwrap(), "b");
        assert_eq!(chosen(&["YRYRYRY"; 6]), None, "a full board");
    }

    #[test]
    fn it_does_not_answer_what_is_no_board() {
        for board in [json!(null), json!({ "rows": { "1": "......." } }), json!({ "rows": ["......."] })] {
            assert_eq!(Board::parse(&board), None, "{board}");
        }
    }
}
