"""The rules of ConnectFourBot, run as plain Python."""

import pathlib
import random
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from fake_channel import FakeChannel, load, types  # noqa: E402
from multiplayer import boards  # noqa: E402

ConnectFourBot = load("connect_four_bot").ConnectFourBot

def begun(*labels, **params):
    channel = FakeChannel(ConnectFourBot, *(labels or ("alice", "bob", "carol")), **params)
    channel.join(*[f"s{number}" for number in range(1, len(channel.slots))])
    return channel


def played(channel, columns):
    posted = []
    for column in columns:
        posted = channel.post(channel.state["turn"], column)
        assert posted[0]["type"] == "dropped", posted
    return posted


def winning_cells(rows):
    """Finds all cells in rows of four, by trying every one of the 69 places; independent of the bot's search."""
    at = {(x, y): disc for y, row in enumerate(reversed(rows.values())) for x, disc in enumerate(row)}
    found = set()
    for (x, y), disc in at.items():
        for right, up in ((1, 0), (0, 1), (1, 1), (1, -1)):
            cells = [(x + step * right, y + step * up) for step in range(4)]
            if disc != "." and all(at.get(cell) == disc for cell in cells):
                found.update(cells)
    return sorted(f"{'abcdefg'[x]}{y + 1}" for x, y in found)


class Play(unittest.TestCase):
    def test_the_game_starts_when_every_seat_is_taken(self):
        for labels in (("alice", "bob"), ("alice", "bob", "carol")):
            channel = FakeChannel(ConnectFourBot, *labels)
            for number in range(1, len(labels)):
                self.assertEqual(channel.join(f"s{number}"), [])
            self.assertEqual(channel.post("s1", "d")[0]["reason"], "GAME_NOT_STARTED")
            start, turn = channel.join(f"s{len(labels)}")
            self.assertEqual((start["players"], start["discs"], turn["player"]), (["s1", "s2"], {"s1": "R", "s2": "Y"}, "s1"))

    def test_discs_fall_on_each_other(self):
        channel = begun()
        cells = [channel.post(channel.state["turn"], "d")[0]["cell"] for _ in range(6)]
        self.assertEqual(cells, ["d1", "d2", "d3", "d4", "d5", "d6"])
        turn = channel.last("bot:turn")
        self.assertEqual(list(turn["board"]["rows"].items()), [("6", "...Y..."), ("5", "...R..."), ("4", "...Y..."), ("3", "...R..."),
                                                               ("2", "...Y..."), ("1", "...R...")])
        self.assertEqual((turn["board"]["pieces"], turn["board"]["columns"], turn["board"]["last"]), ("discs", "abcdefg", ["d6"]))
        self.assertEqual(turn["actions"], list("abcefg"), "a full column is not offered")
        [refused] = channel.post("s1", "d")
        self.assertEqual((refused["reason"], refused["player"]), ("BAD_MOVE", "s1"))
        self.assertIn("a, b, c, e, f, g", refused["details"])

    def test_four_in_a_row_win_in_each_direction(self):
        for columns, line in (("abacad", None), ("aabbccd", "a1 b1 c1 d1"), ("abababa", "a1 a2 a3 a4"),
                              ("abbccdcddgd", "a1 b2 c3 d4"), ("gffeededdad", "d4 e3 f2 g1")):
            end = played(begun(), columns)[-1]
            if line:
                self.assertEqual((end["winner"], end["reason"], end["line"]), ("s1", "line", line.split()), columns)
                self.assertEqual(end["board"]["line"], end["line"])
                self.assertEqual(winning_cells(end["board"]["rows"]), end["line"])
            else:
                self.assertEqual(end["type"], "bot:turn", columns)

    def test_a_disc_can_complete_more_than_four(self):
        self.assertEqual(played(begun(), "aabbeeffccd")[-1]["line"], ["a1", "b1", "c1", "d1", "e1", "f1"])

    def test_the_second_player_can_win(self):
        end = played(begun(), "abcbdbab")[-1]
        self.assertEqual((end["winner"], end["line"]), ("s2", ["b1", "b2", "b3", "b4"]))

    def test_random_games_end_when_and_only_when_four_are_in_a_row(self):
        choices, reasons = random.Random(7), set()
        for _ in range(60):
            channel = begun("alice", "bob")
            end = None
            while end is None:
                turn = channel.last("bot:turn")
                self.assertEqual(winning_cells(turn["board"]["rows"]), [])
                self.assertEqual(boards.text(turn["board"]).split("\nlast")[0], turn["text"].split("your move:\n")[1])
                last = channel.post(turn["turn"][0], choices.choice(turn["actions"]), turn_id=turn["turn_id"])[-1]
                end = last if last["type"] == "game_end" else None
            self.assertEqual(winning_cells(end["board"]["rows"]), sorted(end["line"] or []))
            self.assertEqual(end["reason"] == "line", bool(end["line"]))
            reasons.add(end["reason"])
        self.assertIn("line", reasons)

    def test_a_full_board_is_a_draw(self):
        channel = begun()
        end = fill(channel)
        self.assertEqual((end["type"], end["winner"], end["reason"], end["line"]), ("game_end", None, "full", None))
        self.assertEqual((len(channel.bodies("dropped")), winning_cells(end["board"]["rows"])), (42, []))
        self.assertIn("A draw.", end["text"])

    def test_moves_as_text_and_as_data(self):
        for text in ("d", "4", " D! ", "`d`", "I drop d", "drop in d", "play column d", "drop a disc in column 4", "take d"):
            with self.subTest(text):
                self.assertEqual(begun().post("s1", text)[0].get("cell"), "d1")
        for data in ({"column": 4}, {"column": "d"}, {"column": " D "}, {"column": "4"}, {"type": "move", "action": "drop", "value": "d"}):
            self.assertEqual(begun().post("s1", **data)[0]["cell"], "d1")
        for number, name in enumerate("abcdefg", 1):
            self.assertEqual((begun().post("s1", str(number))[0]["column"], begun().post("s1", name)[0]["column"]), (name, name))

    def test_an_invalid_move_does_not_cost_a_turn(self):
        channel = begun()
        for column in (0, 8, None, True, [4], {}, "h", "", "ab", "\u00b2", 1.5):
            self.assertEqual(channel.post("s1", column=column)[0]["reason"], "BAD_MOVE", column)
        channel.post("s1", "d")
        self.assertEqual(channel.post("s1", "d")[0]["reason"], "BAD_TURN")
        self.assertEqual(channel.post("s3", "d")[0]["reason"], "NOT_A_PLAYER")
        self.assertEqual(types(channel.post("s2", "d")), ["dropped", "bot:turn"])

    def test_conversation_is_ignored(self):
        channel = begun()
        for text in ("hello", "d is good", "a dog", "", "10", "I never concede", "drop it", "a b c"):
            self.assertEqual(channel.post("s1", text), [], text)
        self.assertEqual(channel.post("bot:other", "d"), [])
        self.assertEqual(channel.post("s1", "d", kind="aside"), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])

    def test_status_and_help(self):
        channel = begun()
        self.assertEqual(channel.post("s1", "!status")[0]["free"], list("abcdefg"))
        self.assertEqual(channel.dm("s3", "!status"), channel.post("s1", "!status"))
        self.assertEqual(channel.dm("s3", "what?"), channel.post("s2", "!help"))
        self.assertEqual(FakeChannel(ConnectFourBot, "alice", "bob").run_hook("on_private_message", "s1", {"text": "!help"}), [])

    def test_garbage_never_raises(self):
        choices = random.Random(5)
        atoms = [None, True, False, 0, 4, -1, 2**53, 1.5, "", "d", "start", "rematch", "concede", "!status", "x" * 2000, [], {}, [[]], {"a": 1}]
        for params in ({}, {"first": "random", "turn_seconds": 5}):
            channel = begun(**params)
            for _ in range(800):
                names = choices.sample(("column", "type", "action", "value", "turn_id", "text", "kind"), choices.randint(0, 4))
                body = {name: choices.choice(atoms) for name in names}
                if choices.random() < 0.3:
                    body.update(type="move", action=choices.choice(("drop", "concede", "start", "rematch", "!help", 3)))
                message = {"sender": choices.choice(("s1", "s2", "s3", "s9", "bot:x")), "kind": "user", "body": body}
                channel.run_hook("on_message", message)
                channel.run_hook("on_private_message", "s1", body)
                if choices.random() < 0.05:
                    channel.advance(choices.choice((0, 5)))
            self.assertGreater(channel.state["game"], 3)
            self.assertLess(len(channel.persisted["state"]), 1000)


def fill(channel):
    """Fills the board without four in a row, and returns the last post."""
    # From below: each row has the opposite discs of the next one.
    wanted = ["RRYYRRY", "YYRRYYR", "RRYYRRY", "YYRRYYR", "RRYYRRY", "YYRRYYR"]
    heights, end = [0] * 7, None

    def free(disc):
        return [x for x in range(7) if heights[x] < 6 and wanted[heights[x]][x] == disc]

    for number in range(42):
        disc = "RY"[number % 2]
        x = min(free(disc), key=lambda x: heights[x])
        heights[x] += 1
        end = channel.post(channel.state["turn"], "abcdefg"[x])[-1]
    return end


class Turns(unittest.TestCase):
    def test_each_turn_has_its_number_its_free_columns_and_its_deadline(self):
        channel = begun(turn_seconds=90)
        turn = channel.last("bot:turn")
        self.assertEqual((turn["turn"], turn["turn_id"], turn["deadline"]), (["s1"], 1, "2023-11-14T22:14:50.000Z"))
        self.assertEqual(turn["actions"], list("abcdefg"))
        turn = channel.post("s1", "d", turn_id=1)[-1]
        self.assertEqual((turn["turn"], turn["turn_id"]), (["s2"], 2))
        self.assertNotIn("deadline", begun().last("bot:turn"))
        self.assertEqual(channel.post("s2", "concede", turn_id=2)[-1]["turn"], [])
        channel.post("s1", "rematch")
        channel.post("s2", "rematch")
        self.assertEqual(channel.last("bot:turn")["turn_id"], 3, "the numbers go on in the next game")

    def test_a_move_for_another_turn_does_not_count(self):
        channel = begun()
        played(channel, "d")
        for data in ({"text": "a"}, {"column": "a"}, {"text": "concede"}):
            for seat, turn_id in (("s2", 1), ("s1", 1), ("s2", 3), ("s2", "2"), ("s2", [2])):
                with self.subTest(data=data, seat=seat, turn_id=turn_id):
                    [refused] = channel.post(seat, **data, turn_id=turn_id)
                    self.assertEqual(refused["reason"], "STALE_TURN")
                    why = "turn 1 is over" if turn_id == 1 else "there is no such turn"
                    self.assertIn(f": {why}; this is turn 2, bob's.", refused["text"])
        self.assertEqual(types(channel.post("s2", column="a", turn_id=2)), ["dropped", "bot:turn"])

    def test_the_status_offers_no_turn(self):
        status = begun().post("s1", "!status")[0]
        self.assertEqual((status["current_turn"], status["turn_id"], "turn" in status), ("s1", 1, False))

    def test_a_turn_that_times_out_loses(self):
        channel = begun(turn_seconds=10)
        channel.advance(9)
        channel.post("s1", "d")
        self.assertEqual(channel.run_hook("on_timer", "turn"), [], "of a turn that is over")
        end = channel.advance(10)[-1]
        self.assertEqual((end["winner"], end["reason"], channel.timers), ("s1", "time", {}))


class WaitingForRandomness(unittest.TestCase):
    def pending(self, *labels):
        channel = FakeChannel(ConnectFourBot, *labels, first="random", contributors=["s2"])
        channel.is_slow = True
        self.assertEqual(channel.join(*[f"s{number}" for number in range(1, len(labels) + 1)]), [])
        return channel

    def test_the_game_starts_when_the_randomness_is_there(self):
        channel = self.pending("alice", "bob")
        self.assertEqual((channel.held_seconds, channel.timers), (3600, {}))
        self.assertEqual(channel.post("s1", "d")[0]["reason"], "GAME_NOT_STARTED")
        self.assertEqual(types(channel.post("s1", "start") + channel.post("s2", "!status")), ["status"] * 2)
        start, turn = channel.answer_start()
        self.assertIn("Drawn with randomness from: bob; alice gave none.", start["text"])
        self.assertEqual((start["entropy_from"], start["missing"], turn["turn_id"]), (["s2"], ["s1"], 1))

    def test_it_does_not_start_if_a_player_left(self):
        channel = self.pending("alice", "bob", "carol")
        self.assertEqual(channel.leave("s1"), [])
        self.assertEqual(types(channel.answer_start()), ["start_cancelled"])
        self.assertEqual((channel.held_seconds, channel.persisted["stream"]), (0, None))
        channel.is_slow = False
        channel.post("s2", "start")
        self.assertEqual(sorted(channel.post("s3", "start")[0]["players"]), ["s2", "s3"])

    def test_after_a_failed_start_the_players_can_ask_again(self):
        for text in ("start", "d"):
            channel = self.pending("alice", "bob")
            channel.fail_to_start()
            channel.post("s1", text)
            self.assertIn("game_start", types(channel.answer_start()), text)

    def test_the_first_player_can_be_drawn_with_the_players_entropy(self):
        firsts = set()
        for _ in range(40):
            channel = begun(first="random")
            start = channel.last("game_start")
            firsts.add(start["players"][0])
            self.assertEqual((start["entropy_from"], channel.persisted["stream"]), (["s1", "s2", "s3"], ["s1", "s2", "s3"]))
        self.assertEqual(firsts, {"s1", "s2"})
        channel.post("s1", "concede")
        self.assertIsNone(channel.persisted["stream"], "the seed is revealed")


class ClosingAndHolding(unittest.TestCase):
    def test_closing_in_mid_game_ends_it_and_reveals_the_draw(self):
        channel = begun(first="random", turn_seconds=60)
        played(channel, "d")
        [end] = channel.close()
        self.assertEqual((end["type"], end["winner"], end["reason"], end["turn"]), ("game_end", None, "closed", []))
        self.assertNotIn("rematch", end["text"])
        self.assertIn("Nobody wins", end["text"])
        self.assertIsNone(channel.persisted["stream"])
        self.assertEqual((channel.timers, channel.held_seconds), ({}, 0))
        self.assertEqual(channel.close(), [])

    def test_a_game_holds_the_seats_and_moves_renew_it(self):
        channel = begun()
        self.assertEqual(channel.held_seconds, 3600)
        channel.advance(3000)
        channel.post("s2", "d")
        self.assertEqual(channel.held_seconds, 600, "an invalid move renews nothing")
        channel.post("s1", "d")
        self.assertEqual(channel.held_seconds, 3600)
        channel.post("s2", "concede")
        self.assertEqual(channel.held_seconds, 0)


class BetweenGames(unittest.TestCase):
    def test_conceding_and_leaving_end_the_game_and_a_rematch_starts_one(self):
        channel = begun()
        self.assertEqual(channel.post("s2", "concede")[-1]["winner"], "s1")
        self.assertEqual(channel.post("s1", "d")[0]["reason"], "GAME_OVER")
        self.assertEqual(types(channel.post("s1", "rematch") + channel.post("s1", "rematch")), ["start_vote"] * 2)
        start = channel.post("s2", "again!")[0]
        self.assertEqual((start["game"], start["players"]), (2, ["s2", "s1"]))
        self.assertEqual(channel.last("bot:turn")["board"]["rows"]["1"], ".......", "on an empty board")
        end = channel.leave("s2")[-1]
        self.assertEqual((end["winner"], end["reason"]), ("s1", "leave"))
        channel.post("s3", "rematch")
        self.assertEqual(channel.post("s1", "rematch")[0]["players"], ["s1", "s3"])

    def test_two_can_start_while_seats_are_empty(self):
        channel = FakeChannel(ConnectFourBot, "alice", "bob", "carol")
        channel.join("s3")
        self.assertEqual(types(channel.post("s3", "start")), ["status"])
        channel.join("s1")
        [vote] = channel.post("s3", "start")
        self.assertEqual((vote["type"], vote["ready"]), ("start_vote", ["s3"]))
        start = channel.post("s1", type="move", action="rematch")[0]
        self.assertEqual((start["game"], start["players"], channel.held_seconds), (1, ["s3", "s1"], 3600))
        self.assertEqual(channel.join("s2"), [], "the game goes on when the last seat is taken")

    def test_one_seat_starts_no_game(self):
        self.assertEqual(FakeChannel(ConnectFourBot, "alice").join("s1"), [])

    def test_invalid_params_are_refused(self):
        for params, word in (({"size": 4}, "no parameter"), ({"first": "me"}, "'first'"), ({"turn_seconds": 0}, "seconds"),
                             ({"turn_seconds": True}, "seconds"), ({"turn_seconds": 86401}, "seconds")):
            with self.assertRaisesRegex(ValueError, word):
                begun(**params)


if __name__ == "__main__":
    unittest.main()
