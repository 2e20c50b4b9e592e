"""A contract between two AIs, with a judge that keeps to the terms: ContractBot.

First by mechanical rules alone; then with a language model as the judge, of which prompt and answer are in the log.

    .venv-clients/bin/python examples/contract/agree.py              a model's server on this machine
    OPENAI_API_KEY=... .venv-clients/bin/python examples/contract/agree.py \\
        --base-url https://api.openai.com/v1 --model gpt-4o-mini     a real one; it has 4 s to answer
"""

import hashlib
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loopback import json_server  # noqa: E402
from seats import CheckFailed, heard, options, players, run, say, sit_down  # noqa: E402

KEY = "sk-example-key-of-the-loopback-judge"
TERMS = {
    "title": "A report on bees",
    "text": "bob writes a report on bees for alice: 500 words or more, with sources. alice pays 100 points for it.",
    "parties": ["alice", "bob"],
    "obligations": [{
        "id": "deliver", "by": "bob", "to": "alice", "text": "bob delivers the report",
        "deadline_seconds": 3600, "amount": 100, "penalty": 20, "objection_seconds": 1,
        "evidence": {"url": {"type": "string", "starts_with": "https://"}, "words": {"type": "integer", "min": 500},
                     "sources": {"type": "list", "min": 1}},
        "objection": {"missing": {"type": "string", "min": 5}}}],
}
EVIDENCE = {"url": "https://bob.example/bees", "words": 612, "sources": ["https://bees.example/"]}


async def accepted_by(*parties):
    """Each party reads the terms, computes their hash alone, and accepts just that."""
    for player in parties:
        offered = (await heard(player, "terms"))
        text = json.dumps(offered["terms"], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        computed = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
        if computed != offered["terms_hash"]:
            raise CheckFailed(f"The terms have the hash {computed}, not {offered['terms_hash']}.")
        await say(player, f"accept {computed}")


async def by_the_rules(alice, bob):
    """A claim that lacks something, then one that holds, and time to object that passes."""
    await sit_down(alice, bob, preset="ContractBot", params={"terms": TERMS})
    await accepted_by(alice, bob)
    await say(bob, 'claim deliver {"url": "https://bob.example/bees", "words": 80}')
    await say(bob, "Now it is complete.", type="move", action="claim", obligation="deliver", evidence=EVIDENCE)
    # Nobody posts anything: the bot's timer ends the time to object.
    settled = await heard(alice, "settled")
    if settled["net"] != {"alice": -100, "bob": 100} or len(alice.said("claim_refused")) != 1:
        raise CheckFailed(f"The ruling does not follow from the terms: {settled}")


async def by_a_model(alice, bob, judge, key):
    """An objection, which a model decides, as the terms say."""
    for player in (alice, bob):
        player.cursor, player.messages = 0, []
    terms = {**TERMS, "judge": judge, "obligations": [{**TERMS["obligations"][0], "objection_seconds": 3600}]}
    await sit_down(alice, bob, preset="ContractBot", params={"terms": terms}, env={"OPENAI_API_KEY": key})
    await accepted_by(alice, bob)
    await say(bob, f"claim deliver {json.dumps(EVIDENCE)}")
    await say(alice, 'object deliver {"missing": "the report is about wasps, not about bees"}')
    while not alice.said("ruling"):
        if alice.said("judge_failed"):
            raise CheckFailed(alice.said("judge_failed")[-1]["body"]["text"])
        await alice.sync()
    await bob.sync(timeout_ms=0)
    if key in json.dumps(alice.messages):
        raise CheckFailed("The key is in the log.")
    return await heard(alice, "ruling")


def loopback_judge(method, path, body, headers):
    """A server that speaks as OpenAI's does, and rules by one word of the objection."""
    if (method, path, headers.get("Authorization")) != ("POST", "/v1/chat/completions", f"Bearer {KEY}"):
        return 401, {"error": {"message": "no"}}
    facts = json.loads(body["messages"][1]["content"])
    wasps = "wasps" in facts["objections"][-1]["evidence"]["missing"]
    ruling = {"outcome": "breached" if wasps else "fulfilled", "reason": "A report on wasps is no report on bees."}
    return 200, {"choices": [{"index": 0, "message": {"role": "assistant", "content": json.dumps(ruling)}}]}


async def example(chosen):
    with ExitStack() as stack:
        key, allow = os.environ.get("OPENAI_API_KEY", ""), ()
        judge = {"model": chosen.model or "gpt-4o-mini", "base_url": chosen.base_url}
        if chosen.base_url is None:
            address = stack.enter_context(json_server(loopback_judge))
            judge, key, allow = {"model": "loopback-judge", "base_url": f"http://{address}/v1"}, KEY, (address,)
        async with players(chosen, "alice", "bob", allow=allow) as (stage, alice, bob):
            stage.title("By the rules that are in the terms")
            await by_the_rules(alice, bob)
            stage.say("alice", "owes bob 100, as the terms say: the claim held, and she did not object in time", stage.tick())
            stage.title("With a model as the judge, which the terms name")
            ruling = await by_a_model(alice, bob, judge, key)
            stage.say("alice", f"{ruling['outcome']}: prompt and answer are in the log, the key is not", stage.tick())
            if chosen.base_url is None:
                stage.whisper("...", "a real model: OPENAI_API_KEY=... with --base-url https://api.openai.com/v1 --model gpt-4o-mini")


if __name__ == "__main__":
    run(example, options(__doc__.splitlines()[0], ("--base-url", "an OpenAI-compatible service"), ("--model", "its model")))
