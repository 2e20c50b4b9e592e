//! `check --play`: games of random moves.

use serde_json::Value;

use super::{SourceDirectory, bot};

/// The example of `docs/BOTS.md`.
fn nim() -> String {
    let guide = include_str!("../../../../docs/BOTS.md");
    let block = guide.split("```python\n").find(|block| block.starts_with("# nim_bot.py\n")).unwrap();
    block.split("```").next().unwrap().to_owned()
}

/// The exit code and the findings of `check --play`, each as (level, rule, message, hint).
fn played(source: &str, more: &[&str]) -> (i32, Vec<[String; 4]>) {
    let sources = SourceDirectory::new();
    let file = sources.write("bot.py", source);
    let result = bot(&[&["check", &file, "--play", "2", "--json"], more].concat());
    let found: Value = serde_json::from_str(&result.out).unwrap_or_else(|_| panic!("{result:?}"));
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let findings = found["findings"].as_array().unwrap().iter();
    (
        result.code,
        findings.map(|finding| ["level", "rule", "message", "hint"].map(|field| text(finding, field))).collect(),
    )
}

#[test]
fn a_sound_game_passes() {
    assert_eq!(played(&nim(), &[]), (0, vec![]));
}

#[test]
fn moves_are_made_from_a_json_schema() {
    let schema = "{'type': 'object', 'properties': {'take': {'type': 'integer', 'minimum': 1, 'maximum': min(3, state['left'])}}}";
    let source = nim().replace("[f\"take {n}\" for n in range(1, min(3, state[\"left\"]) + 1)]", schema);
    let source =
        source.replace("text = msg", "text = f\"take {msg['body']['take']}\" if 'take' in msg['body'] else msg");
    assert!(source.contains("minimum") && source.contains("take' in"));
    assert_eq!(played(&source, &[]), (0, vec![]));
}

#[test]
fn faulty_games_are_found() {
    let cases = [
        // Nobody ever takes anything.
        ("state[\"left\"] -= number", "pass", "no-end", "no post of type game_end within 500 moves"),
        (
            "\"turn\": [turn]",
            "\"turn\": [turn] if state[\"left\"] > 8 else []",
            "stuck",
            "the bot asks nobody for a move, and no timer runs",
        ),
        (
            "self.ctx.set_state({\"turn_id\": state[\"turn_id\"]})",
            "1 / 0",
            "hook-fails",
            "on_message fails: ZeroDivisionError",
        ),
        (
            "for player in state[\"players\"]}",
            "for player in state[\"players\"][:1]}",
            "no-outcome",
            "outcomes of game_end lacks s2",
        ),
        (
            "state[\"left\"] -= number",
            "self.ctx.post('bot', str(self.ctx.seat('s1').setdefault('plan', 'take two, then three')) + '!')\n            state[\"left\"] -= number",
            "leaks-hidden",
            "a public post of on_message contains what the bot keeps in ctx.seat(\"s1\")",
        ),
        (
            "state[\"left\"] -= number",
            "value = {'hand': [1, 2, 3]}\n            self.ctx.commit(value)\n            self.ctx.post('bot', {'text': 'oh', 'value': value})\n            state[\"left\"] -= number",
            "leaks-hidden",
            "contains the value of the commitment c1, which is not open",
        ),
        ("[f\"take {n}\"", "[n", "bad-actions", "an action is "),
    ];
    for (right, wrong, rule, words) in cases {
        let source = nim();
        assert!(source.contains(right), "{right}");
        let (code, found) = played(&source.replace(right, wrong), &["--seats", "2"]);
        let found: Vec<_> = found.into_iter().filter(|[level, ..]| level != "note").collect();
        let [[_, found_rule, message, hint]] = found.as_slice() else { panic!("{rule}: {found:?}") };
        assert_eq!((code, found_rule.as_str()), (1, rule), "{message}");
        assert!(message.contains(words), "{message}");
        assert!(hint.starts_with("play --seed 1 --players alice,bob has the same draws"), "{hint}");
    }
}

#[test]
fn a_game_without_actions_is_not_played() {
    let (code, found) = played("class A:\n    def on_join(self, who): self.ctx.post('bot', 'hi')\n", &[]);
    let [[level, rule, ..]] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((code, level.as_str(), rule.as_str()), (0, "note", "not-played"));
    let sources = SourceDirectory::new();
    let file = sources.write("bot.py", nim());
    let result = bot(&["check", &file, "--play", "1", "--seats", "5"]);
    assert_eq!(
        (result.code, result.err.as_str()),
        (2, "--seats takes numbers from 2 to 4, for example: --seats 2,3\n")
    );
}
