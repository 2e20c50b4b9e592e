"""The checks of examples/demo/check.py pass an honest game, and fail when one byte of it is altered."""

import copy
import unittest

import paths  # noqa: F401  (makes examples/demo importable)
from check import CheckFailed, check_code, check_commitment, check_game, code_hash, commitment_hash

SOURCE = "class Referee:\n    def on_init(self):\n        self.ctx.post('bot', {'text': 'gl\u00fcck auf'})\n"
BOT = "bot_GuessBot_0"
SALT = "|00112233445566778899aabbccddeeff"


def entry(number, sender, kind, **fields):
    return {"id": number, "sender": sender, "body": dict(fields, type=kind)}


def honest_game(target=42):
    bot = f"bot:{BOT}"
    commitment = commitment_hash(target, SALT)
    return [
        entry(1, "system", "channel:created"),
        entry(2, "system", "bot:attach", bot_id=BOT, code_hash=code_hash(SOURCE)),
        entry(3, bot, "game_start", game=1),
        entry(4, bot, "bot:commit", game=1, commitment_hash=commitment),
        entry(5, "s1", "user", text="guess 50"),
        entry(6, bot, "judge", guess=50, result="high"),
        entry(7, "s2", "user", text="guess 42"),
        entry(8, bot, "judge", guess=42, result="correct"),
        entry(9, bot, "bot:reveal", game=1, target=target, salt=SALT, hash=commitment),
    ]


def with_one_bit_flipped(text):
    """Yields every valid text that differs from `text` in the lowest bit of one byte."""
    data = text.encode()
    for at, byte in enumerate(data):
        changed = data[:at] + bytes([byte ^ 1]) + data[at + 1:]
        try:
            yield changed.decode()
        except UnicodeDecodeError:
            continue


class CodeTest(unittest.TestCase):
    def test_the_announced_source_passes(self):
        self.assertEqual(check_code(honest_game(), BOT, SOURCE), code_hash(SOURCE))

    def test_one_altered_byte_of_the_source_fails(self):
        altered = list(with_one_bit_flipped(SOURCE))
        self.assertGreater(len(altered), 70)
        for source in altered:
            with self.subTest(source=source), self.assertRaises(CheckFailed):
                check_code(honest_game(), BOT, source)
        with self.assertRaises(CheckFailed):
            check_code(honest_game(), BOT, SOURCE + "\n")

    def test_an_announcement_by_a_player_is_ignored(self):
        game = honest_game()
        game[1]["sender"] = "s1"
        with self.assertRaises(CheckFailed):
            check_code(game, BOT, SOURCE)

    def test_a_replaced_bot_fails(self):
        for kind in ("bot:attach", "bot:detach"):
            game = honest_game() + [entry(10, "system", kind, bot_id=BOT, code_hash=code_hash(SOURCE))]
            with self.subTest(kind), self.assertRaises(CheckFailed):
                check_code(game, BOT, SOURCE)


class CommitmentTest(unittest.TestCase):
    def test_the_committed_number_passes(self):
        check_commitment(42, SALT, commitment_hash(42, SALT))

    def test_one_altered_byte_of_the_salt_fails(self):
        altered = list(with_one_bit_flipped(SALT))
        self.assertEqual(len(altered), len(SALT))
        for salt in altered:
            with self.subTest(salt=salt), self.assertRaises(CheckFailed):
                check_commitment(42, salt, commitment_hash(42, SALT))

    def test_one_altered_digit_of_the_commitment_fails(self):
        for commitment in with_one_bit_flipped(commitment_hash(42, SALT)):
            with self.subTest(commitment=commitment), self.assertRaises(CheckFailed):
                check_commitment(42, SALT, commitment)

    def test_digits_cannot_move_from_the_salt_to_the_number(self):
        salt = "2|" + SALT[1:]
        self.assertEqual(commitment_hash(4, salt), commitment_hash(42, SALT))
        with self.assertRaises(CheckFailed):
            check_commitment(4, salt, commitment_hash(42, SALT))


class GameTest(unittest.TestCase):
    def test_an_honest_game_passes(self):
        proof = check_game(honest_game(), BOT)
        self.assertEqual((proof.target, proof.guesses, proof.commit_id, proof.first_judge_id), (42, 2, 4, 6))

    def test_each_way_to_cheat_is_detected(self):
        def another_number(game):
            game[8]["body"]["target"] = 43

        def another_commitment(game):
            game[3]["body"]["commitment_hash"] = game[8]["body"]["hash"] = commitment_hash(43, SALT)

        def commitment_swapped_at_the_end(game):
            game[8]["body"].update(target=43, hash=commitment_hash(43, SALT))

        def judged_before_committed(game):
            game[3]["id"], game[5]["id"] = 6, 4

        def judged_by_another_number(game):
            game[5]["body"]["result"] = "low"

        def committed_twice(game):
            game.append(entry(10, f"bot:{BOT}", "bot:commit", game=1, commitment_hash=commitment_hash(1, SALT)))

        def never_revealed(game):
            game.pop()

        def revealed_by_a_player(game):
            game[8]["sender"] = "s2"

        def never_committed(game):
            del game[3]

        cheats = [another_number, another_commitment, commitment_swapped_at_the_end, judged_before_committed,
                  judged_by_another_number, committed_twice, never_revealed, revealed_by_a_player, never_committed]
        for cheat in cheats:
            game = copy.deepcopy(honest_game())
            cheat(game)
            with self.subTest(cheat.__name__), self.assertRaises(CheckFailed):
                check_game(game, BOT)


if __name__ == "__main__":
    unittest.main()
