"""The rules of TicTacToeBot, as plain Python."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from table import Table, load, types  # noqa: E402

TicTacToeBot = load("tic_tac_toe_bot").TicTacToeBot


def begun(**params):
    table = Table(TicTacToeBot, "alice", "bob", "carol", **params)
    table.join("s1", "s2", "s3")
    return table


def played(table, *cells):
    for cell in cells:
        said = table.say(table.state["turn"], str(cell))
    return said


class Play(unittest.TestCase):
    def test_it_starts_when_two_are_here(self):
        table = Table(TicTacToeBot, "alice", "bob")
        self.assertEqual(table.join("s1"), [])
        self.assertEqual(table.say("s1", "5")[0]["reason"], "GAME_NOT_STARTED")
        start, turn = table.join("s2")
        self.assertEqual((start["players"], start["marks"], turn["player"]), (["s1", "s2"], {"s1": "X", "s2": "O"}, "s1"))

    def test_each_line_wins(self):
        module = load("tic_tac_toe_bot")
        for line in module.LINES:
            table = begun()
            others = [cell for cell in range(9) if cell not in line]
            safe = next([a, b] for a in others for b in others if a != b)
            end = played(table, line[0] + 1, safe[0] + 1, line[1] + 1, safe[1] + 1, line[2] + 1)[-1]
            self.assertEqual((end["winner"], end["reason"], end["line"]), ("s1", "line", [at + 1 for at in line]))

    def test_a_full_board_is_a_draw(self):
        end = played(begun(), 5, 1, 2, 8, 4, 6, 3, 7, 9)[-1]
        self.assertEqual((end["type"], end["winner"], end["reason"]), ("game_end", None, "full"))

    def test_the_last_cell_may_win(self):
        end = played(begun(), 1, 4, 2, 5, 6, 3, 7, 8, 9)
        self.assertEqual(end[-1]["reason"], "full")
        end = played(begun(), 1, 2, 5, 3, 6, 4, 8, 7, 9)[-1]
        self.assertEqual((end["winner"], end["reason"]), ("s1", "line"))

    def test_words_and_data_for_a_cell(self):
        for text in ("5", "b2", " B2! ", "`5`", "I take 5", "place b2", "play cell 5", "put x on 5"):
            with self.subTest(text):
                self.assertEqual(begun().say("s1", text)[0].get("cell"), 5)
        for data in ({"cell": 5}, {"cell": "b2"}, {"type": "move", "action": "place", "value": "5"}):
            self.assertEqual(begun().say("s1", **data)[0]["cell"], 5)

    def test_bad_moves_cost_nothing(self):
        table = begun()
        for data in ({"cell": 0}, {"cell": 10}, {"cell": None}, {"cell": True}, {"cell": [5]}, {"cell": "d4"}):
            self.assertEqual(table.say("s1", **data)[0]["reason"], "BAD_MOVE")
        table.say("s1", "5")
        self.assertEqual(table.say("s1", "1")[0]["reason"], "BAD_TURN")
        self.assertEqual(table.say("s2", "5")[0]["reason"], "BAD_MOVE")
        self.assertEqual(table.say("s3", "1")[0]["reason"], "NOT_A_PLAYER")
        self.assertEqual(types(table.say("s2", "1")), ["placed", "bot:turn"])

    def test_talk_is_free(self):
        table = begun()
        for text in ("hello", "5 is good", "a1 steak", "", "10", "I never concede", "let's take 5 minutes"):
            self.assertEqual(table.say("s1", text), [], text)
        self.assertEqual(table.say("bot:other", "5"), [])
        self.assertEqual(table.say("s1", "5", kind="aside"), [])
        self.assertEqual(table.hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])

    def test_status_and_help(self):
        table = begun()
        self.assertEqual(table.say("s1", "!status")[0]["free"], list(range(1, 10)))
        self.assertEqual(table.dm("s3", "!status"), table.say("s1", "!status"))
        self.assertEqual(table.dm("s3", "what?"), table.say("s2", "!help"))


class Around(unittest.TestCase):
    def test_concede_leave_and_rematch(self):
        table = begun()
        self.assertEqual(table.say("s2", "concede")[-1]["winner"], "s1")
        self.assertEqual(types(table.say("s1", "rematch") + table.say("s1", "rematch")), ["start_vote"] * 2)
        start = table.say("s2", "again!")[0]
        self.assertEqual((start["game"], start["players"]), (2, ["s2", "s1"]))
        end = table.leave("s2")[-1]
        self.assertEqual((end["winner"], end["reason"]), ("s1", "leave"))
        table.say("s3", "rematch")
        self.assertEqual(table.say("s1", "rematch")[0]["players"], ["s1", "s3"])

    def test_the_rest_waits_for_a_second_one(self):
        table = Table(TicTacToeBot, "alice", "bob")
        table.join("s1", "s2")
        table.leave("s2")
        self.assertIn("game_start", types(table.join("s2")))

    def test_the_first_may_be_drawn_with_the_players_randomness(self):
        firsts = set()
        for _ in range(40):
            table = begun(first="random")
            start = table.last("game_start")
            firsts.add(start["players"][0])
            self.assertEqual((start["entropy_from"], table.kept["stream"]), (["s1", "s2"], ["s1", "s2"]))
        self.assertEqual(firsts, {"s1", "s2"})
        table.say("s1", "concede")
        self.assertIsNone(table.kept["stream"])

    def test_the_clock(self):
        table = begun(turn_seconds=10)
        table.wait(9)
        table.say("s1", "5")
        self.assertEqual(table.hook("on_timer", "turn"), [], "of a turn that is over")
        end = table.wait(10)[-1]
        self.assertEqual((end["winner"], end["reason"], table.timers), ("s1", "time", {}))

    def test_params(self):
        for params, word in (({"size": 4}, "no parameter"), ({"first": "me"}, "'first'"), ({"turn_seconds": 0}, "seconds")):
            with self.assertRaisesRegex(ValueError, word):
                begun(**params)


if __name__ == "__main__":
    unittest.main()
