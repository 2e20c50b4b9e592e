"""Ways to leave out what was said, and to say of it that it was deleted, against the rules."""

from forging import body_of


def leave_out_a_public_post(log):
    public_post(log)["content"] = None


def delete_an_entry_of_the_relay(log):
    delete(log, log.entries[-1], log.system("member:join"))


def delete_an_entry_of_the_relay_and_its_body(log):
    joined = log.system("member:join")
    delete(log, log.entries[-1], joined)
    joined["content"] = None


def delete_as_another_player(log):
    post = public_post(log)
    joined = log.find(lambda entry: body_of(entry).get("type") == "member:join" and body_of(entry)["slot_id"] != post["envelope"]["sender"])
    if not is_closed(log):
        return False
    delete(log, log.entries[-1], post, by=body_of(joined)["slot_id"])
    post["content"] = None


def delete_a_bots_post_as_a_player(log):
    if not is_closed(log):
        return False
    delete(log, log.entries[-1], log.posts()[0], by="s1")


def delete_before_the_close(log):
    post = public_post(log)
    delete(log, post, post, by=post["envelope"]["sender"])
    post["content"] = None


def delete_while_closing(log):
    asked = log.system("close_requested")
    if asked is None:
        return False
    delete(log, asked, public_post(log))


def delete_in_descending_order(log):
    delete(log, log.entries[-1], *log.posts()[1::-1])


def delete_what_comes_later(log):
    post = log.posts()[-1]
    delete(log, log.entries[log.entries.index(post) - 1], post)


def delete_dms_of_a_bot_that_unseals_before_the_close(log):
    asked = log.system("close_requested")
    if asked is None or "unseals" not in body_of(log.system("bot:attach")):
        return False
    dm = log.find(lambda entry: entry["envelope"]["sender"].startswith("s") and entry["envelope"]["to_slot"] is not None)
    delete(log, log.entries[log.entries.index(asked) - 1], dm)


def delete_within_a_hook(log):
    call = log.calls_with_posts()[1]
    delete(log, call[0], call[0])


DELETIONS = [
    leave_out_a_public_post, delete_an_entry_of_the_relay, delete_an_entry_of_the_relay_and_its_body, delete_as_another_player,
    delete_a_bots_post_as_a_player, delete_before_the_close, delete_while_closing, delete_in_descending_order, delete_what_comes_later,
    delete_dms_of_a_bot_that_unseals_before_the_close, delete_within_a_hook,
]


def public_post(log):
    """Returns the first post of a player that everybody may read."""
    return next(entry for entry in log.entries if entry["envelope"]["sender"].startswith("s") and entry["envelope"]["sender"] != "system"
                and entry["envelope"]["to_slot"] is None)


def is_closed(log):
    return body_of(log.entries[-1]).get("type") in ("close_applied", "operator:stopped")


def deletion(log, model, entries, by):
    """Returns an `entry:deleted` of these entries, with the time of `model`."""
    envelope = log.entries[0]["envelope"] | {"ts": model["envelope"]["ts"]}
    body = {"type": "entry:deleted", "ids": [entry["envelope"]["id"] for entry in entries]} | ({"by": by} if by else {})
    return {"envelope": envelope, "content": {"salt": "00" * 32, "body": body}}


def delete(log, after, *entries, by=None):
    """Lets an `entry:deleted` of these entries follow an entry."""
    log.insert_after(after, deletion(log, after, entries, by))

