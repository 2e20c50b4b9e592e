//! Names that the operator gives on the command line.

use mcp_multiplayer_protocol::{limits, printable};

/// Checks a name by the rules for names in channels: 1 to 100 characters, none of them a control character.
pub(super) fn parse_name(name: &str) -> Result<String, String> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > limits::NAME_CHARS || name.chars().any(char::is_control) {
        return Err(format!("a name is 1 to {} printable characters on one line", limits::NAME_CHARS));
    }
    Ok(name.to_owned())
}

/// Prints a table with a header. Values are escaped, and the columns are as wide as their longest value.
pub(super) fn print_table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) {
    print!("{}", table(header, rows));
}

/// Formats a table. The last column is not padded, so a text that a stranger chose belongs there: in any other, it could
/// imitate the columns that follow.
pub(super) fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let header = header.map(str::to_owned);
    let rows: Vec<_> = std::iter::once(header).chain(rows.map(|row| row.map(|value| printable(&value)))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let padded = row.iter().zip(&widths).map(|(value, &width)| format!("{value:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{parse_name, table};

    #[test]
    fn tables_are_aligned_and_escaped() {
        let rows = [["a", "long name", "x"], ["abc", "", "\u{1b}[2J\ny"]].map(|row| row.map(str::to_owned));
        let expected = "ID   NAME       CLIENT\na    long name  x\nabc             \\u{1b}[2J\\ny\n";
        assert_eq!(table(["ID", "NAME", "CLIENT"], rows.into_iter()), expected);
        assert_eq!(table(["ID", "NAME"], std::iter::empty()), "ID  NAME\n");
    }

    #[test]
    fn names_are_short_and_on_one_line() {
        for name in ["alice", "Bob's laptop", r"C:\bob", &"é".repeat(100)] {
            assert_eq!(parse_name(name).unwrap(), name);
        }
        for name in ["", " ", "a\nb", "\u{1b}[0m", "\u{9b}0m", &"a".repeat(101)] {
            assert!(parse_name(name).unwrap_err().contains("1 to 100 printable"), "{name:?}");
        }
    }
}
