"""Boards as text and as SVG: what they show, that they are safe to embed, and that they can be read."""

import json
import pathlib
import random
import re
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from multiplayer import boards  # noqa: E402
from multiplayer.testing import Channel  # noqa: E402

START = {"8": "rnbqkbnr", "7": "pppppppp", **{row: "." * 8 for row in "6543"}, "2": "PPPPPPPP", "1": "RNBQKBNR"}
CHESS = {"kind": "grid", "pieces": "chess", "columns": "abcdefgh", "rows": START}
MARKS = {"kind": "grid", "pieces": "marks", "columns": "abc", "rows": {"1": "XO.", "2": ".XO", "3": "..X"}, "last": ["c3"],
         "line": ["a1", "b2", "c3"]}
DISCS = {"kind": "grid", "pieces": "discs", "columns": "ab", "rows": {"2": ".Y", "1": "RR"}}
ALL_PIECES = {"kind": "grid", "pieces": "chess", "columns": "abcdef", "rows": {"2": "kqrbnp", "1": "KQRBNP"}}
TABLE = {"kind": "table", "columns": ["", "alice", "bob"], "rows": [["round 1", "rock", "paper"], ["round 2", "", "rock"]]}
EVERY = (CHESS, MARKS, DISCS, ALL_PIECES, TABLE)
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ("</text><script>alert(1)</script>", "\" onload='x'", "&amp;&#0;", "a\x00\x1b[31m\ufffe\ud800\u202eb\n]]>")


def drawn(board, dark=False):
    return xml.etree.ElementTree.fromstring(boards.svg(board, dark))


def cells(board, turned=False):
    """Returns the name of each row and column that is written on the drawing, and the place of each piece, by column and row."""
    root = xml.etree.ElementTree.fromstring(boards.svg(board, turned=turned))
    size = int(root.findall(SVG + "rect")[1].get("width"))
    labels = [(int(float(each.get("x"))) // size, int(each.get("y")) // size, each.text) for each in root.iter(SVG + "text")]
    pieces = [each.get("transform") for each in root.iter(SVG + "g")]
    places = [[float(number) for number in re.match(r"translate\((\S+) (\S+)\)", each).groups()] for each in pieces]
    return labels, {(round(x / size), round(y / size)) for x, y in places}


def title(board):
    return drawn(board)[0].text


def grid(**changes):
    return {"kind": "grid", "pieces": "marks", "columns": "ab", "rows": {"1": "X."}, **changes}


def table(**changes):
    return {"kind": "table", "columns": ["a", "b"], "rows": [["1", "2"]], **changes}


class Text(unittest.TestCase):
    def test_a_grid_has_the_names_of_its_cells_and_the_last_move(self):
        self.assertEqual(boards.text(MARKS), "1 X O .\n2 . X O\n3 . . X\n  a b c\nlast: c3\nline: a1 b2 c3")
        self.assertEqual(boards.text(DISCS), "2 . Y\n1 R R\n  a b")
        self.assertLess(len(boards.text(CHESS)), 200)

    def test_longer_names_of_rows_are_aligned(self):
        board = grid(rows={"10": "X.", "9": ".X"})
        self.assertEqual(boards.text(board), " 9 . X\n10 X .\n   a b")

    def test_the_order_in_the_object_does_not_matter(self):
        for board in (CHESS, DISCS, MARKS):
            turned = {**board, "rows": dict(reversed(board["rows"].items()))}
            self.assertEqual(boards.text(turned), boards.text(board))
            self.assertEqual(boards.svg(turned), boards.svg(board))

    def test_a_table_has_aligned_columns(self):
        self.assertEqual(boards.text(TABLE), "         alice  bob\nround 1  rock   paper\nround 2         rock")
        self.assertEqual(boards.text(table(columns=["日本", "b"], rows=[["x", "y"]])), "日本  b\nx     y")

    def test_a_text_cannot_add_lines_or_control_characters(self):
        for hostile in HOSTILE:
            lines = boards.text(table(rows=[[hostile, hostile]])).split("\n")
            self.assertEqual(len(lines), 2)
            self.assertTrue(lines[1].isprintable(), lines[1])

    def test_long_texts_are_cut(self):
        for long in ("x" * 33, "x " * 10**6, "\u200b" * 10**6 + "x"):
            text = boards.text(table(rows=[[long, "end"]])).split("\n")[1]
            self.assertLessEqual(len(text), boards.MAX_CHARACTERS + 5)
        self.assertIn("x" * 31 + "…", boards.text(table(rows=[["x" * 33, ""]])))


class Drawing(unittest.TestCase):
    def test_each_piece_is_drawn_in_its_cell(self):
        self.assertEqual(cells(CHESS)[1], {(x, y) for x in range(8) for y in (0, 1, 6, 7)})
        shapes = {(group[0].get("d"), group[0].get("fill")) for group in drawn(ALL_PIECES).iter(SVG + "g")}
        self.assertEqual(len(shapes), 12, "every piece looks different")
        self.assertEqual(len(drawn(DISCS).findall(SVG + "circle")), 4, "two red discs, and a yellow one with its ring")
        self.assertEqual((len(drawn(MARKS).findall(SVG + "path")), len(drawn(MARKS).findall(SVG + "circle"))), (3, 2))

    def test_a1_is_a_dark_square(self):
        for board in (CHESS, {**CHESS, "columns": "abc", "rows": {"1": "K..", "2": "..."}}):
            for turned in (False, True):
                root = xml.etree.ElementTree.fromstring(boards.svg(board, turned=turned))
                squares = root.findall(SVG + "rect")[1:]
                size = int(squares[0].get("width"))
                fills = {(int(each.get("x")) // size, int(each.get("y")) // size): each.get("fill") for each in squares}
                (right, below) = max(fills)
                a1, b1 = ((right, 0), (right - 1, 0)) if turned else ((0, below), (1, below))
                self.assertLess(luminance(fills[a1]), luminance(fills[b1]))

    def test_a_turned_board_is_seen_from_the_other_side(self):
        board = {**CHESS, "rows": {**START, "1": ".......K", "2": "........"}}
        self.assertIn((7, 7), cells(board)[1], "h1 is at the bottom, on the right")
        labels, pieces = cells(board, turned=True)
        self.assertIn((0, 0), pieces, "h1 is at the top, on the left")
        self.assertEqual([text for _, y, text in labels if y == 7 and text.isalpha()], list("abcdefgh"))
        self.assertEqual({x: text for x, y, text in labels if y == 7 and text.isalpha()}, dict(enumerate("hgfedcba")))
        self.assertEqual({y: text for _, y, text in labels if text.isdigit()}, dict(enumerate("12345678")))
        self.assertEqual(boards.svg(TABLE, turned=True), boards.svg(TABLE))

    def test_names_of_cells_are_in_a_margin_where_cells_are_small(self):
        go = {"kind": "grid", "pieces": "discs", "columns": "abcdefghijklmnopqrs", "rows": {str(row): "B" * 19 for row in range(1, 20)}}
        root = drawn(go)
        places = [int(each.get("x")) for each in root.findall(SVG + "rect")[1:]]
        self.assertEqual((min(places), root.get("width")), (16, str(19 * 24 + 32)))

    def test_the_last_move_and_the_winning_line_are_highlighted(self):
        def fills(board):
            return [each.get("fill") for each in drawn(board).findall(SVG + "rect")[1:] if each.get("fill") != "none"]

        plain = fills(grid(rows={"1": "XO"}))
        last, line = fills(grid(rows={"1": "XO"}, last=["a1"])), fills(grid(rows={"1": "XO"}, line=["a1"]))
        self.assertEqual((last[1], line[1]), (plain[1], plain[1]))
        self.assertEqual(len({plain[0], last[0], line[0]}), 3)

    def test_boards_fit_a_width_of_320(self):
        self.assertEqual((drawn(CHESS).get("width"), drawn(CHESS).get("viewBox")), ("320", "0 0 320 320"))
        self.assertEqual(drawn(CHESS).findall(SVG + "rect")[1].get("width"), "40", "the most that eight columns can have")
        self.assertEqual(drawn(MARKS).get("width"), "318")
        connect_four = {"kind": "grid", "pieces": "discs", "columns": "abcdefg", "rows": {row: "......." for row in "654321"}}
        self.assertEqual(drawn(connect_four).get("width"), "315")

    def test_the_title_says_the_position_in_words(self):
        self.assertEqual(title(MARKS), "Board of 3 columns and 3 rows. O: b1, c2. X: a1, b2, c3. Last move: c3. Winning line: a1, b2, c3.")
        self.assertEqual(title(DISCS), "Board of 2 columns and 2 rows. Red: a1, b1. Yellow: b2.")
        self.assertIn("White: king e1; queen d1; rooks a1, h1; bishops c1, f1; knights b1, g1; pawns a2,", title(CHESS))
        self.assertEqual(title(TABLE), "Table. round 1, alice rock, bob paper. round 2, bob rock.")
        self.assertIn("It is empty", title(grid(rows={"1": ".."})))
        self.assertIn("Black: nothing", title({**CHESS, "columns": "a", "rows": {"1": "K"}}))

    def test_it_can_be_embedded_anywhere(self):
        for board in EVERY:
            for dark in (False, True):
                text = boards.svg(board, dark)
                root = drawn(board, dark)
                self.assertEqual((root.tag, root.get("role"), root[0].tag), (SVG + "svg", "img", SVG + "title"))
                used = {each.tag.removeprefix(SVG) for each in root.iter()}
                self.assertLessEqual(used, {"svg", "title", "rect", "text", "path", "circle", "g"})
                names = {name for each in root.iter() for name in each.attrib}
                self.assertFalse({name for name in names if name.startswith("on") or name in ("id", "class", "style", "href")})
                self.assertNotIn("url(", text)
                self.assertEqual(text.count("http"), 1, "the name space")
                self.assertLess(len(text), 32 * 1024)

    def test_texts_are_escaped(self):
        for hostile in HOSTILE:
            board = table(columns=[hostile, "b"], rows=[[hostile, "2"]])
            root = drawn(board)
            self.assertLessEqual({each.tag for each in root.iter()}, {SVG + tag for tag in ("svg", "title", "rect", "text", "path")})
            self.assertFalse({name for each in root.iter() for name in each.attrib if name.startswith("on")})
        self.assertEqual([each.text for each in drawn(table(rows=[["<&>\"'", ""]])).iter(SVG + "text")][2], "<&>\"'")

    def test_dark_and_light_differ_and_nothing_else_does(self):
        for board in EVERY:
            light, dark = boards.svg(board), boards.svg(board, dark=True)
            self.assertNotEqual(light, dark)
            self.assertEqual(re.sub("#[0-9a-f]{6}", "", light), re.sub("#[0-9a-f]{6}", "", dark))
            self.assertEqual(light, boards.svg(json.loads(json.dumps(board))), "equal boards give equal bytes")


def luminance(colour):
    """Returns the relative luminance of WCAG 2.2."""
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


class Contrast(unittest.TestCase):
    """WCAG 2.2, level AA: 4.5 for texts, 3 for what has to be seen to understand a drawing."""

    def beneath(self, board, dark):
        """Yields each drawn element that has a colour, with the fill of the rectangle that it lies on."""
        ground = None
        for each in drawn(board, dark).iter():
            if each.tag == SVG + "rect" and each.get("fill") != "none":
                ground = each.get("fill")
            elif each.tag != SVG + "rect":
                yield each, ground

    def test_of_texts(self):
        marks = grid(columns="abc", rows={"1": "7Q7"}, last=["a1"], line=["b1"])
        chess = {**CHESS, "rows": {row: "." * 8 for row in "12345678"}, "last": ["a1", "a2", "b1"], "line": ["a3", "a4", "c1", "d1"]}
        for board in (TABLE, marks, CHESS, chess):
            for dark in (False, True):
                for each, ground in self.beneath(board, dark):
                    if each.tag == SVG + "text":
                        self.assertGreaterEqual(contrast(each.get("fill"), ground), 4.5, (each.text, ground, dark))

    def test_of_pieces_on_every_kind_of_cell(self):
        chess = {"kind": "grid", "pieces": "chess", "columns": "abcdef", "rows": {"2": "kKkKkK", "1": "KkKkKk"},
                 "last": ["a1", "b1", "a2", "b2"], "line": ["c1", "d1", "c2", "d2"]}
        discs = {"kind": "grid", "pieces": "discs", "columns": "abcd", "rows": {"3": "RYBW", "2": "RYBW", "1": "RYBW"},
                 "last": ["a1", "b1", "c1", "d1"], "line": ["a2", "b2", "c2", "d2"]}
        marks = grid(columns="abcdef", rows={"1": "XOXOXO"}, last=["a1", "b1"], line=["c1", "d1"])
        for board, count in ((chess, 12), (discs, 12), (marks, 6)):
            for dark in (False, True):
                seen, edge = 0, None
                for each, ground in self.beneath(board, dark):
                    if each.tag in (SVG + "path", SVG + "circle") and (each.get("fill") != "none" or board is marks):
                        edge = each.get("stroke")
                        self.assertGreaterEqual(contrast(edge, ground), 3, (each.attrib, ground, dark))
                        seen += 1
                    elif each.tag == SVG + "circle":
                        self.assertGreaterEqual(contrast(each.get("stroke"), inner), 3)
                    inner = each.get("fill")
                self.assertEqual(seen, count)

    def test_of_the_sides(self):
        for colours in (boards._LIGHT, boards._DARK):
            for one, other in (("white", "black"), ("red", "yellow")):
                self.assertGreaterEqual(contrast(colours[one], colours[other]), 3)


class Garbage(unittest.TestCase):
    def test_is_refused_with_a_message(self):
        cases = [(board, "kind") for board in (None, [], "grid", 1, {}, {"kind": "cube"}, {"kind": ["grid"]}, {"kind": {}})]
        cases += [(grid(pieces=each), "pieces") for each in (None, "draughts", ["chess"], 1)]
        cases += [(grid(columns=each), "columns") for each in (None, "", "a b", "é2", ["a", "b"], "a" * 27, 3)]
        cases += [(grid(columns="aa"), "twice"), (grid(rows=None), "rows"), (grid(rows={}), "rows"), (grid(rows=["X."]), "rows"),
                  (grid(rows={str(n): "X." for n in range(1, 28)}), "rows"), (grid(rows={"": "X."}), "name of a row"),
                  (grid(rows={"123": "X."}), "name of a row"), (grid(rows={1: "X."}), "name of a row"), (grid(rows={"<": "X."}), "name of a row"),
                  (grid(rows={"a": "X."}), "name of a row"), (grid(rows={"0": "X."}), "name of a row"), (grid(rows={"27": "X."}), "name of a row"),
                  (grid(rows={"1": "X"}), "row 1"), (grid(rows={"1": "X.."}), "row 1"), (grid(rows={"1": ["X", "."]}), "row 1"),
                  (grid(rows={"1": "X<"}), "'<'"), (grid(pieces="chess"), "'X'"), (grid(pieces="discs"), "'X'")]
        cases += [(grid(last=each), "last") for each in ("a1", 1, {"a1": 1}, ["c1"], [1], [["a1"]], [None], ["a1"] * 3)]
        cases += [(grid(line=["a2"]), "line"), (grid(line=["x" * 100]), "line")]
        cases += [(table(columns=each), "columns") for each in (None, [], "ab", ["a"] * 13)]
        cases += [(table(rows=each), "rows") for each in (None, {}, "ab", [["1", "2"]] * 65)]
        cases += [(table(rows=[each]), "each row") for each in (None, "ab", [], ["1"], ["1"] * 3)]
        cases += [(table(rows=[["1", each]]), "texts only") for each in (None, 2, ["2"], {}, True)]
        cases += [(table(columns=["a", 1]), "texts only")]
        for board, word in cases:
            for draw in (boards.text, boards.svg):
                with self.subTest(board=board, draw=draw.__name__), self.assertRaisesRegex(ValueError, word) as refused:
                    draw(board)
                self.assertLess(len(str(refused.exception)), 160)

    def test_the_largest_boards_are_drawn(self):
        letters = "abcdefghijklmnopqrstuvwxyz"
        for pieces, piece in (("chess", "q"), ("discs", "Y"), ("marks", "X")):
            board = {"kind": "grid", "pieces": pieces, "columns": letters, "rows": {str(n): piece * 26 for n in range(1, 27)},
                     "last": [f"{letter}{n}" for letter in letters for n in range(1, 27)]}
            self.assertEqual(len(boards.text(board).split("\n")), 28)
            self.assertLess(len(boards.svg(board)), 400_000)
            drawn(board)
        board = {"kind": "table", "columns": ["&" * 99] * 12, "rows": [["\"" * 99] * 12] * 64}
        drawn(board)
        self.assertLess(len(boards.svg(board)), 600_000)

    def test_random_json_never_raises_anything_else(self):
        choices = random.Random(4)
        atoms = [None, True, -1, 2**60, 0.5, "", "a1", "X.", "grid", "table", "chess", [], {}, ["a1"], {"1": "X."}, [["a"]], "\ud800"]
        for _ in range(3000):
            board = dict(choices.choice((grid(), table())))
            for name in choices.sample(("kind", "pieces", "columns", "rows", "last", "line"), 2):
                board[name] = choices.choice(atoms)
            for draw in (boards.text, boards.svg):
                try:
                    draw(board)
                except ValueError:
                    pass


class InBots(unittest.TestCase):
    def test_a_bot_can_import_it(self):
        with tempfile.TemporaryDirectory() as directory:
            source = pathlib.Path(directory) / "bot.py"
            source.write_text("import boards\nfrom boards import text\nclass Bot:\n    def on_message(self, msg):\n"
                              "        board = msg['body']['board']\n"
                              "        self.ctx.post('bot', {'text': text(board), 'svg': boards.svg(board)})\n")
            channel = Channel(source)
            channel.join("alice", "bob")
            [post] = channel.post("alice", "draw", data={"board": MARKS})
            self.assertEqual((post.text, post.body["svg"]), (boards.text(MARKS), boards.svg(MARKS)))


if __name__ == "__main__":
    unittest.main()
