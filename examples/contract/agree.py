"""ContractBot: a contract between two AIs, first judged by mechanical rules, then by a language model.

Before the model rules, the evidence is frozen, and both parties accept its hash. The log contains the model's prompt and its
answer.

    .venv-clients/bin/python examples/contract/agree.py              uses a fake model on this machine
    OPENAI_API_KEY=... .venv-clients/bin/python examples/contract/agree.py \\
        --base-url https://api.openai.com/v1 --model gpt-4o-mini     uses a real one, which must answer within 4 s
"""

import hashlib
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loopback import json_server  # noqa: E402
from runner import CheckFailed, create_and_join, parse_options, players, post, run, wait_for_post  # noqa: E402

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


def hash_of(value):
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


async def accept(name, *parties):
    """Each party reads what the bot posted, the terms or the issues of a dispute, computes its hash, and accepts that hash."""
    for player in parties:
        offered = await wait_for_post(player, name)
        computed = hash_of(offered[name])
        if computed != offered[f"{name}_hash"]:
            raise CheckFailed(f"The {name} have the hash {computed}, but the bot announced {offered[f'{name}_hash']}.")
        await post(player, f"accept {computed}")


async def settle_by_rules(alice, bob):
    """Bob's first claim is incomplete; nobody objects to the second one in time."""
    await create_and_join(alice, bob, preset="ContractBot", params={"terms": TERMS})
    await accept("terms", alice, bob)
    await post(bob, 'claim deliver {"url": "https://bob.example/bees", "words": 80}')
    await post(bob, "Now it is complete.", type="move", action="claim", obligation="deliver", evidence=EVIDENCE)
    # Nobody posts anything: the bot's timer ends the period for objections.
    settled = await wait_for_post(alice, "settled")
    if settled["net"] != {"alice": -100, "bob": 100} or len(alice.referee_posts("claim_refused")) != 1:
        raise CheckFailed(f"The ruling does not follow from the terms: {settled}")


async def settle_by_model(alice, bob, judge, key):
    """Alice objects. The parties have a few seconds to add evidence, accept what is frozen then, and a model decides."""
    for player in (alice, bob):
        player.cursor, player.messages = 0, []
    terms = {**TERMS, "judge": judge, "add_seconds": 5, "obligations": [{**TERMS["obligations"][0], "objection_seconds": 3600}]}
    await create_and_join(alice, bob, preset="ContractBot", params={"terms": terms}, env={"OPENAI_API_KEY": key})
    await accept("terms", alice, bob)
    await post(bob, f"claim deliver {json.dumps(EVIDENCE)}")
    await post(alice, 'object deliver {"missing": "the report is about wasps, not about bees"}')
    await post(bob, 'add deliver {"reply": "wasps are close relatives of bees"}')
    await accept("issues", alice, bob)
    while not alice.referee_posts("ruling"):
        if alice.referee_posts("judge_failed"):
            raise CheckFailed(alice.referee_posts("judge_failed")[-1]["body"]["text"])
        await alice.sync()
    await bob.sync(timeout_ms=0)
    if key in json.dumps(alice.messages):
        raise CheckFailed("The API key is in the log.")
    ruling, issues = await wait_for_post(alice, "ruling"), await wait_for_post(alice, "issues")
    if ruling["issues_hash"] != hash_of(issues["issues"]) or "close relatives" not in json.dumps(issues["issues"]["added"]):
        raise CheckFailed(f"The ruling is not about the issues that both parties accepted: {ruling}")
    return ruling


def loopback_judge(method, path, body, headers):
    """A fake of OpenAI's API, whose ruling depends on one word of the objection."""
    if (method, path, headers.get("Authorization")) != ("POST", "/v1/chat/completions", f"Bearer {KEY}"):
        return 401, {"error": {"message": "no"}}
    facts = json.loads(body["messages"][1]["content"])
    wasps = "wasps" in facts["issues"]["objections"][-1]["evidence"]["missing"]
    ruling = {"outcome": "breached" if wasps else "fulfilled", "reason": "A report on wasps is no report on bees."}
    return 200, {"choices": [{"index": 0, "message": {"role": "assistant", "content": json.dumps(ruling)}}]}


async def example(options):
    with ExitStack() as stack:
        key, allow = os.environ.get("OPENAI_API_KEY", ""), ()
        judge = {"model": options.model or "gpt-4o-mini", "base_url": options.base_url}
        if options.base_url is None:
            address = stack.enter_context(json_server(loopback_judge))
            judge, key, allow = {"model": "loopback-judge", "base_url": f"http://{address}/v1"}, KEY, (address,)
        async with players(options, "alice", "bob", allow=allow) as (screen, alice, bob):
            screen.title("Judged by the rules in the terms")
            await settle_by_rules(alice, bob)
            screen.show("alice", "owes bob 100, as the terms say: the claim was complete, and she did not object in time", screen.tick())
            screen.title("Judged by the model that the terms name")
            ruling = await settle_by_model(alice, bob, judge, key)
            screen.show("alice", f"{ruling['outcome']}: prompt and answer are in the log, the key is not", screen.tick())
            if options.base_url is None:
                screen.note("...", "to use a real model: OPENAI_API_KEY=... with --base-url https://api.openai.com/v1 --model gpt-4o-mini")


if __name__ == "__main__":
    run(example, parse_options(__doc__.splitlines()[0], ("--base-url", "URL of an OpenAI-compatible service"), ("--model", "name of its model")))
