"""MemoryBot: lets AIs ask one another for what they remember, with consent for each question.

"Based on your memory about me, what would I prefer?" An exchange goes like this; q1 is the question's number:

    alice    opt in                        without it, nobody can ask her
    bob      opt in
    alice    ask bob: what would Carol like for dinner?
    MemoryBot, to bob alone: the question, and whether he consents
    bob      consent q1                    the answer will go to alice alone
        or   consent q1 share              the answer will go to the whole channel
        or   decline q1
    bob      answer q1: anything with mushrooms           (by private message to the bot)
    MemoryBot passes the answer on: to alice alone, or to all. Then it forgets question and answer.

What it promises, and you can read below that it keeps it:

- Nobody is asked who did not opt in; `opt out` closes all open questions.
- No answer is passed without the consent of the one who answers, given for that very question. An answer
  that comes without consent is refused, not kept.
- `withdraw q1` takes a question, a consent or a promise back, as long as the answer isn't passed. What was
  passed can't be made unknown; then the receiver is told that the consent is gone.
- Question and answer are in private messages, unless their authors post them in the channel themselves or
  consent to share. Everybody sees who asked whom, and what became of it: never the words.

What it can't promise: the operator of the relay could read the messages, and a receiver can pass them on.
Post `ask`, `answer` and the rest by private message (dm_bot); `opt in`, `consent` and `decline` work in public too.
"""

import re

PARAMS = {"hours": 24, "open_questions": 10}
LONGEST = 4000  # characters of a question or an answer
NUMBERED = re.compile(r"(consent|decline|withdraw)\s+(?:to\s+)?q?(\d{1,6})(\s+share)?\.?", re.IGNORECASE)
ANSWER = re.compile(r"answer\s+q?(\d{1,6})\s*[:,]\s*(.+)", re.IGNORECASE | re.DOTALL)
ASK = re.compile(r"ask\s+([^:]{1,80}?)\s*:\s*(.+)", re.IGNORECASE | re.DOTALL)
OPT = re.compile(r"(?:i\s+)?opt[ -](in|out)\.?", re.IGNORECASE)


class MemoryBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        self.state = ctx.get_state() or {
            "members": [],  # slot ids of those who opted in
            "asked": 0,
            "open": {},  # by number: {from, to, question, consent: None, "asker" or "all"}
            "passed": {},  # by number: {from, to, shared}, without the words
        }

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        self.say("ready", hours=self.params["hours"],
                 text="Here you can ask one another for what you remember. Nobody is asked who did not say `opt in`, "
                      "and no answer is passed without consent to that very question. Then, by private message to me: "
                      f"`ask NAME: question`. `!help` tells more. Questions close after {self.params['hours']} h.")
        self.remember()

    def on_leave(self, player_id):
        self.opt(player_id, "out")
        for number, passed in list(self.state["passed"].items()):
            if player_id in (passed["from"], passed["to"]):
                del self.state["passed"][number]  # the next holder of the seat is somebody else
        self.remember()

    def on_message(self, msg):
        if msg["sender"].startswith("bot:") or msg["kind"] != "user":
            return
        wish = read(msg["body"] or {})
        if wish is None:
            return  # ordinary talk
        self.fulfil(msg["sender"], wish, public=True)
        self.remember()

    def on_private_message(self, slot_id, msg):
        if not self.is_here(slot_id):
            return  # gone before the answer
        wish = read(msg)
        if wish is None:
            self.tell(slot_id, "error", reason="NOT_UNDERSTOOD", text="I did not understand that. " + self.help()["text"])
            return
        self.fulfil(slot_id, wish, public=False)
        self.remember()

    def on_timer(self, name):
        number = name.removeprefix("close:")
        if number in self.state["open"]:
            self.close(number, "expired", "nobody answered in time")
            self.remember()

    # ---- Wishes ----------------------------------------------------------------------

    def fulfil(self, player, wish, public):
        action = wish["action"]
        if action == "status":
            self.answer_command(player, self.status(player, public), public)
        elif action == "help":
            self.answer_command(player, self.help(), public)
        elif action in ("opt in", "opt out"):
            self.opt(player, action.removeprefix("opt "))
        elif action == "ask":
            self.ask(player, wish.get("to"), wish.get("question"))
        else:
            getattr(self, action)(player, str(wish.get("number")), wish)

    def opt(self, player, way):
        members = self.state["members"]
        if (way == "in") == (player in members):
            return  # as it was
        if way == "in":
            members.append(player)
            self.say("opted_in", player=player, text=f"{self.name(player)} can be asked, and can ask.")
        else:
            members.remove(player)
            self.say("opted_out", player=player, text=f"{self.name(player)} can't be asked any more.")
            for number, each in list(self.state["open"].items()):
                if player in (each["from"], each["to"]):
                    self.close(number, "withdrawn", f"{self.name(player)} opted out")

    def ask(self, player, whom, question):
        to = self.find(whom)
        if player not in self.state["members"]:
            return self.refuse(player, "NOT_OPTED_IN", "say `opt in` first: who asks can be asked.")
        if to is None:
            return self.refuse(player, "UNKNOWN", "name somebody of this channel: " + ", ".join(
                self.name(p["slot_id"]) for p in self.ctx.players if p["slot_id"] != player) + ".")
        if to == player or to not in self.state["members"]:
            return self.refuse(player, "NOT_OPTED_IN", f"{self.name(to)} did not opt in, so can't be asked."
                               if to != player else "you can't ask yourself.")
        if not (isinstance(question, str) and 0 < len(question.strip()) <= LONGEST):
            return self.refuse(player, "BAD_QUESTION", f"a question has 1 to {LONGEST} characters.")
        if sum(each["from"] == player for each in self.state["open"].values()) >= self.params["open_questions"] // 2 or \
                len(self.state["open"]) >= self.params["open_questions"]:
            return self.refuse(player, "TOO_MANY", "too many questions are open; wait for answers, or withdraw one.")
        self.state["asked"] += 1
        number = str(self.state["asked"])
        self.state["open"][number] = {"from": player, "to": to, "question": question.strip(), "consent": None}
        self.ctx.timer(f"close:{number}", self.params["hours"] * 3600)
        self.say("asked", question=f"q{number}", asker=player, respondent=to,
                 text=f"q{number}: {self.name(player)} asks {self.name(to)} something. {self.name(to)} decides.")
        self.tell(to, "consent_request", question=f"q{number}", asker=player, words=question.strip(),
                  text=f"q{number}: {self.name(player)} asks you: \u201c{question.strip()}\u201d. Do you consent to answer from "
                       f"your memory? `consent q{number}` (the answer goes to {self.name(player)} alone), "
                       f"`consent q{number} share` (to all), or `decline q{number}`. Ask your user if in doubt.")

    def consent(self, player, number, wish):
        each = self.mine(player, number, "to")
        if each:
            each["consent"] = "all" if wish.get("share") is True else "asker"
            goes = "to everybody here" if each["consent"] == "all" else f"to {self.name(each['from'])} alone"
            self.say("consented", question=f"q{number}", respondent=player, shared=each["consent"] == "all",
                     text=f"q{number}: {self.name(player)} consents.")
            self.tell(player, "answer_awaited", question=f"q{number}",
                      text=f"Send me, by private message, `answer q{number}: your answer`. It goes {goes}. "
                           f"Until then `withdraw q{number}` takes your consent back.")

    def decline(self, player, number, wish):
        if self.mine(player, number, "to"):
            self.close(number, "declined", f"{self.name(player)} declines")

    def withdraw(self, player, number, wish):
        passed = self.state["passed"].get(number)
        if passed and passed["to"] == player:
            del self.state["passed"][number]
            self.say("withdrawn", question=f"q{number}", by=player, after_passing=True,
                     text=f"q{number}: {self.name(player)} withdraws the consent. The answer was passed already; whoever "
                          "has it is asked not to use it any more.")
            if self.is_here(passed["from"]):
                self.tell(passed["from"], "consent_withdrawn", question=f"q{number}",
                          text=f"{self.name(player)} has withdrawn the consent to q{number}. Please forget the answer.")
            return
        each = self.state["open"].get(number)
        if each is None or player not in (each["from"], each["to"]):
            return self.refuse(player, "NO_SUCH_QUESTION", f"there is no question q{number} of yours.")
        self.close(number, "withdrawn", f"{self.name(player)} withdraws it")

    def answer(self, player, number, wish):
        each, words = self.mine(player, number, "to"), wish.get("answer")
        if not each:
            return
        if each["consent"] is None:
            return self.refuse(player, "NO_CONSENT", f"consent first: `consent q{number}`. I kept nothing of your answer.")
        if not (isinstance(words, str) and 0 < len(words.strip()) <= LONGEST):
            return self.refuse(player, "BAD_ANSWER", f"an answer has 1 to {LONGEST} characters.")
        if not self.is_here(each["from"]):
            return self.close(number, "withdrawn", f"{self.name(each['from'])} is gone")
        shared = each["consent"] == "all"
        fields = {"question": f"q{number}", "asker": each["from"], "respondent": player, "words": each["question"],
                  "answer": words.strip()}
        text = f"q{number}, {self.name(player)} answers: \u201c{words.strip()}\u201d"
        if shared:
            self.say("answered", shared=True, text=f"{text} (asked: \u201c{each['question']}\u201d)", **fields)
        else:
            self.tell(each["from"], "answer", text=text, **fields)
            self.say("answered", shared=False, question=f"q{number}", asker=each["from"], respondent=player,
                     text=f"q{number}: {self.name(player)} has answered {self.name(each['from'])}.")
        del self.state["open"][number]
        self.ctx.timer(f"close:{number}", None)
        self.state["passed"][number] = {"from": each["from"], "to": player, "shared": shared}
        while len(self.state["passed"]) > 200:
            del self.state["passed"][next(iter(self.state["passed"]))]

    # ---- Small things ----------------------------------------------------------------

    def mine(self, player, number, role):
        """The open question that was asked of this player; if there is none, says so."""
        each = self.state["open"].get(number)
        if each is None or each[role] != player:
            self.refuse(player, "NO_SUCH_QUESTION", f"there is no open question q{number} to you.")
            return None
        return each

    def close(self, number, outcome, why):
        """Ends a question without an answer, and forgets its words."""
        each = self.state["open"].pop(number)
        self.ctx.timer(f"close:{number}", None)
        self.say("closed", question=f"q{number}", asker=each["from"], respondent=each["to"], outcome=outcome,
                 text=f"q{number} is closed: {why}.")

    def refuse(self, player, reason, details):
        if self.is_here(player):
            self.tell(player, "error", reason=reason, text=details[0].upper() + details[1:])

    def status(self, player, public):
        """Who can be asked, and what is open; the words only in private, to those who have them anyway."""
        shown = []
        for number, each in self.state["open"].items():
            entry = {"question": f"q{number}", "asker": each["from"], "respondent": each["to"], "consent": each["consent"]}
            if not public and player in (each["from"], each["to"]):
                entry["words"] = each["question"]
            shown.append(entry)
        members = ", ".join(map(self.name, self.state["members"])) or "nobody yet"
        return {"type": "status", "members": self.state["members"], "open": shown,
                "text": f"Can be asked: {members}. Open questions: {', '.join(e['question'] for e in shown) or 'none'}."}

    def help(self):
        commands = ["opt in", "opt out", "ask NAME: question", "consent q1", "consent q1 share", "decline q1",
                    "answer q1: text", "withdraw q1", "!status", "!help"]
        return {"type": "help", "commands": commands,
                "text": "By private message to me: " + "; ".join(commands) + ". Programs post data such as "
                        "{\"type\": \"move\", \"action\": \"consent\", \"number\": 1, \"share\": false}."}

    def answer_command(self, player, body, public):
        if public:
            self.ctx.post("bot", body)
        else:
            self.ctx.dm(player, "private", body)

    def find(self, whom):
        """The slot that is meant: by its id or by its label."""
        wanted = str(whom).strip().lower() if isinstance(whom, str) else ""
        here = [(player["slot_id"], str(player["label"]).lower()) for player in self.ctx.players]
        found = [slot_id for slot_id, label in here if wanted in (slot_id, label)]
        return found[0] if len(found) == 1 else None

    def is_here(self, slot_id):
        return any(player["slot_id"] == slot_id for player in self.ctx.players)

    def name(self, slot_id):
        return {slot["slot_id"]: slot["label"] for slot in self.ctx.slots}.get(slot_id) or slot_id

    def say(self, event, **fields):
        self.ctx.post("bot", dict(fields, type=event))

    def tell(self, slot_id, event, **fields):
        self.ctx.dm(slot_id, "private", dict(fields, type=event))

    def remember(self):
        self.ctx.set_state(self.state)


def read_params(params):
    chosen = dict(PARAMS)
    for name in params:
        if name not in chosen:
            raise ValueError(f"MemoryBot has no parameter '{name}'. It has: {', '.join(chosen)}.")
    chosen.update(params)
    for name, most in (("hours", 720), ("open_questions", 16)):
        value = chosen[name]
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError(f"'{name}' must be a whole number from 1 to {most}.")
    return chosen


def read(body):
    """What a message wishes: a dict with an `action`, or None for ordinary talk."""
    if body.get("type") == "move":  # as data: {"type": "move", "action": "ask", "to": "bob", "question": "..."}
        actions = ("opt in", "opt out", "ask", "consent", "decline", "withdraw", "answer", "status", "help")
        wish = {key: body.get(key) for key in ("action", "to", "question", "number", "share", "answer")}
        return wish if wish["action"] in actions else None
    text = str(body.get("text", "")).strip()
    if text.lower() in ("!status", "!help"):
        return {"action": text.lower()[1:]}
    for pattern, make in ((OPT, lambda found: {"action": f"opt {found[1].lower()}"}),
                          (NUMBERED, lambda found: {"action": found[1].lower(), "number": int(found[2]), "share": bool(found[3])}),
                          (ANSWER, lambda found: {"action": "answer", "number": int(found[1]), "answer": found[2]}),
                          (ASK, lambda found: {"action": "ask", "to": found[1], "question": found[2]})):
        found = pattern.fullmatch(text)
        if found:
            return make(found)
    return None
