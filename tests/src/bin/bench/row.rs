/// One row of the table: a figure and its target.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    what: String,
    how: String,
    figure: String,
    target: String,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    NotMeasured,
}

impl Row {
    /// A figure that must not be above a limit, in this unit.
    pub(crate) fn at_most(what: &str, figure: f64, limit: f64, unit: &str) -> Self {
        Self::new(what, figure, "≤", limit, unit, figure <= limit)
    }

    /// A figure that must not be below a limit, in this unit.
    pub(crate) fn at_least(what: &str, figure: f64, limit: f64, unit: &str) -> Self {
        Self::new(what, figure, "≥", limit, unit, figure >= limit)
    }

    /// A count that must have exactly this value.
    pub(crate) fn exactly(what: &str, figure: f64, value: f64) -> Self {
        Self::new(what, figure, "=", value, "", (figure - value).abs() < f64::EPSILON)
    }

    /// A figure that could not be compared with its target.
    pub(crate) fn not_measured(what: &str, target: &str) -> Self {
        let (what, target) = (what.to_owned(), target.to_owned());
        Self { what, how: String::new(), figure: "?".to_owned(), target, verdict: Verdict::NotMeasured }
    }

    fn new(what: &str, figure: f64, relation: &str, limit: f64, unit: &str, met: bool) -> Self {
        Self {
            what: what.to_owned(),
            how: String::new(),
            figure: quantity(figure, unit),
            target: format!("{relation} {}", quantity(limit, unit)),
            verdict: if met { Verdict::Met } else { Verdict::Missed },
        }
    }

    /// Says in a few words how the figure was measured.
    pub(crate) fn how(mut self, how: &str) -> Self {
        how.clone_into(&mut self.how);
        self
    }

    /// Adds what the figure was calculated from.
    pub(crate) fn detail(mut self, parts: &str) -> Self {
        self.figure = if self.figure == "?" { parts.to_owned() } else { format!("{} ({parts})", self.figure) };
        self
    }

    /// Replaces the text of the target, where it is itself the result of a measurement.
    pub(crate) fn target(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }
}

/// A number with two or three significant digits, and its unit.
fn quantity(number: f64, unit: &str) -> String {
    let decimals = match number.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}").trim_end().to_owned()
}

/// Prints the table, and a line that counts the verdicts.
pub(crate) fn print(rows: &[Row]) {
    let head = Row {
        what: "measured".to_owned(),
        how: "how".to_owned(),
        figure: "figure".to_owned(),
        target: "target".to_owned(),
        verdict: Verdict::NotMeasured,
    };
    let width = |field: fn(&Row) -> &str| rows.iter().chain([&head]).map(|row| field(row).chars().count()).max();
    let (what, figure, target) = (width(|row| &row.what), width(|row| &row.figure), width(|row| &row.target));
    let line = |row: &Row, verdict: &str| {
        let (what, figure, target) = (what.unwrap_or(0), figure.unwrap_or(0), target.unwrap_or(0));
        println!("{:<what$}  {:<figure$}  {:<target$}  {verdict:<12}  {}", row.what, row.figure, row.target, row.how);
    };
    println!();
    line(&head, "verdict");
    for row in rows {
        let verdict = match row.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::NotMeasured => "not measured",
        };
        line(row, verdict);
    }
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    println!(
        "\n{} met, {} missed, {} not measured",
        count(Verdict::Met),
        count(Verdict::Missed),
        count(Verdict::NotMeasured)
    );
}
