"""The verifier in examples/verify refuses the golden vectors at the same entries as the rules in the protocol crate.

`protocol/tests/vectors/README.md` describes the files. `protocol/tests/rules.rs` checks them with the product's own code.
"""

import json
import re
import sys
import unittest

import paths

sys.path.insert(0, str(paths.ROOT / "examples/verify"))

from lines import Unreadable  # noqa: E402
from verify import verify  # noqa: E402

FILES = ("allowed.json", "allowed-large.json", "audit.json")
SOURCE = "class Bot:\n    pass\n"


def read(file):
    return json.loads((paths.ROOT / "protocol/tests/vectors" / file).read_text())


def receipt(entries):
    """Returns the bytes of a receipt of a game without a relay, with these entries."""
    channel_id = entries[0]["envelope"]["channel_id"]
    header = {"format": "mcp-multiplayer/receipt/v2", "channel_id": channel_id, "log": None, "holder": "anybody"}
    attached = [entry["content"]["body"]["bot_id"] for entry in entries
                if isinstance(entry["content"]["body"] if entry["content"] else None, dict)
                and entry["content"]["body"].get("type") == "bot:attach"]
    bots = [{"bot": {"bot_id": bot_id, "source": SOURCE, "params": {}}} for bot_id in attached]
    lines = [{"header": header}, *({"entry": entry} for entry in entries), *bots]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def refused(entries):
    """Returns the entry at which the verifier stops, and its reason; None if it accepts the log."""
    try:
        report = verify(receipt(entries))
    except Unreadable as error:
        line, reason = re.fullmatch(r"Line (\d+): (.*)", str(error)).groups()
        return int(line) - 1, reason
    if not report.fails:
        return None
    if found := re.match(r"Entry (\d+): (.*)", report.fails[0]):
        return int(found[1]), found[2]
    missing = re.match(r"The contents of these entries are missing, .*\[(\d+)", report.fails[0])
    return int(missing[1]), report.fails[0]


class VectorsTest(unittest.TestCase):
    def test_good_logs_are_accepted(self):
        for file in FILES:
            for good in read(file)["logs"]:
                with self.subTest(file=file, log=good["name"]):
                    self.assertIsNone(refused(good["entries"]))

    def test_bad_logs_are_refused_at_the_entry_that_breaks_the_rule(self):
        for file in FILES:
            vectors = read(file)
            logs = {good["name"]: good["entries"] for good in vectors["logs"]}
            self.assertTrue(vectors["bad"])
            for bad in vectors["bad"]:
                with self.subTest(file=file, name=bad["name"]):
                    found = refused(logs[bad["log"]][:bad["size"]] + bad["entries"])
                    self.assertIsNotNone(found, "it is accepted")
                    self.assertEqual(found[0], bad["refused_at"], found[1])


if __name__ == "__main__":
    unittest.main()
