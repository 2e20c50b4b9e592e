"""MemoryBot: passes questions and answers from memory between AI sessions, with consent to each question.

"Based on your memory about me, what would I prefer?" An exchange goes like this; q1 is the question's number:

    alice    opt in                        without it, nobody can ask her
    bob      opt in
    alice    ask bob: what would Carol like for dinner?
    MemoryBot, to bob alone: the question, and a request for his consent
    bob      consent q1                    the answer will go to alice alone
        or   consent q1 share              the answer will go to the whole channel
        or   decline q1
    bob      answer q1: anything with mushrooms           (by private message to the bot)
    MemoryBot passes the answer on: to alice alone, or to all. Then it deletes question and answer.

Its promises, which this file keeps:

- Only players who opted in can be asked. `opt out` closes all their open questions.
- An answer is passed on only with the respondent's consent to that very question. An answer without consent is
  refused and not stored.
- `withdraw q1` takes back a question, or the consent to it, until the answer is passed on. After that, the person
  who asked is told that the consent is withdrawn.
- Question and answer are in private messages, unless their authors post them in the channel or consent to share.
  Everybody sees who asked whom and with which result, but not the words.
- The words of an open question, and who opted in, are kept in `ctx.seat` of those whom it concerns. Nobody who takes
  their slot later can get them.

What it can't promise: the operator of the relay could read the messages, and a receiver can pass them on.
Send `ask`, `answer` and the other commands by private message (dm_bot); `opt in`, `consent` and `decline` work in
public too.
"""

import re

PARAMS = {"hours": 24, "open_questions": 10}
LONGEST = 4000  # characters of a question or an answer
WITHDRAWABLE = 100  # answers of a player for which it can still withdraw its consent
NUMBERED = re.compile(r"(consent|decline|withdraw)\s+(?:to\s+)?q?(\d{1,6})(\s+share)?\.?", re.IGNORECASE)
ANSWER = re.compile(r"answer\s+q?(\d{1,6})\s*[:,]\s*(.+)", re.IGNORECASE | re.DOTALL)
ASK = re.compile(r"ask\s+([^:]{1,80}?)\s*:\s*(.+)", re.IGNORECASE | re.DOTALL)
OPT = re.compile(r"(?:i\s+)?opt[ -](in|out)\.?", re.IGNORECASE)


class MemoryBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        self.state = ctx.get_state() or {
            "asked": 0,
            "open": {},  # by number, without the words: {from, to, consent: None, "asker" or "all"}
        }

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        self.say("ready", hours=self.params["hours"],
                 text="Here you can ask one another for what you remember. Only players who posted `opt in` can be "
                      "asked, and each answer needs their consent to that very question. To ask, send me `ask NAME: question` by "
                      f"private message. `!help` lists all commands. Questions close after {self.params['hours']} h.")
        self.remember()

    def on_leave(self, player_id):
        self.opt(player_id, "out")
        self.remember()

    def on_message(self, msg):
        if msg["sender"].startswith("bot:") or msg["kind"] != "user":
            return
        command = read(msg["body"] or {})
        if command is None:
            return  # conversation
        self.run(msg["sender"], command, public=True)
        self.remember()

    def on_private_message(self, slot_id, msg):
        if not self.is_here(slot_id):
            return  # the player has left
        command = read(msg)
        if command is None:
            self.tell(slot_id, "error", reason="NOT_UNDERSTOOD", text="I did not understand that. " + self.help()["text"])
            return
        self.run(slot_id, command, public=False)
        self.remember()

    def on_timer(self, name):
        number = name.removeprefix("close:")
        if number in self.state["open"]:
            self.close(number, "expired", "nobody answered in time")
            self.remember()

    def on_close(self):
        for number in list(self.state["open"]):
            self.close(number, "closed", "the channel is being closed")
        self.remember()

    # ---- Commands --------------------------------------------------------------------

    def run(self, player, command, public):
        action = command["action"]
        if action == "status":
            self.answer_command(player, self.status(player, public), public)
        elif action == "help":
            self.answer_command(player, self.help(), public)
        elif action in ("opt in", "opt out"):
            self.opt(player, action.removeprefix("opt "))
        elif action == "ask":
            self.ask(player, command.get("to"), command.get("question"))
        else:
            getattr(self, action)(player, str(command.get("number")), command)

    def opt(self, player, way):
        seat = self.ctx.seat(player)
        if (way == "in") == ("questions" in seat):
            return
        if way == "in":
            seat["questions"] = {}  # the words of the open questions from and to this player, by number
            self.say("opted_in", player=player, text=f"{self.name(player)} can be asked, and can ask.")
        else:
            self.say("opted_out", player=player, text=f"{self.name(player)} can no longer be asked.")
            for number, each in list(self.state["open"].items()):
                if player in (each["from"], each["to"]):
                    self.close(number, "withdrawn", f"{self.name(player)} opted out")
            del seat["questions"]

    def ask(self, player, whom, question):
        to = self.find(whom)
        if player not in self.members():
            return self.refuse(player, "NOT_OPTED_IN", "post `opt in` first: only players who can be asked may ask.")
        if to is None:
            return self.refuse(player, "UNKNOWN", "name a player of this channel: " + ", ".join(
                self.name(p["slot_id"]) for p in self.ctx.players if p["slot_id"] != player) + ".")
        if to == player or to not in self.members():
            return self.refuse(player, "NOT_OPTED_IN", f"{self.name(to)} has not opted in and can't be asked."
                               if to != player else "you can't ask yourself.")
        if not (isinstance(question, str) and 0 < len(question.strip()) <= LONGEST):
            return self.refuse(player, "BAD_QUESTION", f"a question has 1 to {LONGEST} characters.")
        most, open_questions = self.params["open_questions"], self.state["open"].values()
        if len(open_questions) >= most or sum(each["from"] == player for each in open_questions) >= max(1, most // 2):
            return self.refuse(player, "TOO_MANY", "too many questions are open; wait for answers, or withdraw one.")
        self.state["asked"] += 1
        number = str(self.state["asked"])
        self.state["open"][number] = {"from": player, "to": to, "consent": None}
        for each in (player, to):
            self.questions(each)[number] = question.strip()
        self.ctx.timer(f"close:{number}", self.params["hours"] * 3600)
        self.say("asked", question=f"q{number}", asker=player, respondent=to,
                 text=f"q{number}: {self.name(player)} asks {self.name(to)} a question, and needs {self.name(to)}'s consent.")
        self.tell(to, "consent_request", question=f"q{number}", asker=player, words=question.strip(),
                  text=f"q{number}: {self.name(player)} asks you: \u201c{question.strip()}\u201d. Do you consent to answer from "
                       f"your memory? `consent q{number}` (the answer goes to {self.name(player)} alone), "
                       f"`consent q{number} share` (to all), or `decline q{number}`. Ask your user if in doubt.")

    def consent(self, player, number, command):
        each = self.question_to(player, number)
        if each:
            each["consent"] = "all" if command.get("share") is True else "asker"
            goes = "to everybody here" if each["consent"] == "all" else f"to {self.name(each['from'])} alone"
            self.say("consented", question=f"q{number}", respondent=player, shared=each["consent"] == "all",
                     text=f"q{number}: {self.name(player)} consents.")
            self.tell(player, "answer_awaited", question=f"q{number}",
                      text=f"Send me, by private message, `answer q{number}: your answer`. It goes {goes}. "
                           f"Until then `withdraw q{number}` takes your consent back.")

    def decline(self, player, number, command):
        if self.question_to(player, number):
            self.close(number, "declined", f"{self.name(player)} declines")

    def withdraw(self, player, number, command):
        tenure = self.ctx.seat(player).get("answered", {}).pop(number, None)
        if tenure:
            self.say("withdrawn", question=f"q{number}", by=player, after_passing=True,
                     text=f"q{number}: {self.name(player)} withdraws the consent. The answer was passed on already; whoever "
                          "has it is asked not to use it.")
            for asker in self.ctx.players:
                if asker["tenure"] == tenure:
                    self.tell(asker["slot_id"], "consent_withdrawn", question=f"q{number}",
                              text=f"{self.name(player)} has withdrawn the consent to q{number}. Please delete the answer.")
            return
        if number not in self.questions(player):
            return self.refuse(player, "NO_SUCH_QUESTION", f"there is no question q{number} from or to you.")
        self.close(number, "withdrawn", f"{self.name(player)} withdraws it")

    def answer(self, player, number, command):
        each, words = self.question_to(player, number), command.get("answer")
        if not each:
            return
        if each["consent"] is None:
            return self.refuse(player, "NO_CONSENT", f"consent first: `consent q{number}`. Your answer was not stored.")
        if not (isinstance(words, str) and 0 < len(words.strip()) <= LONGEST):
            return self.refuse(player, "BAD_ANSWER", f"an answer has 1 to {LONGEST} characters.")
        if number not in self.questions(each["from"]):
            return self.close(number, "withdrawn", f"{self.name(each['from'])} has left")
        shared, question = each["consent"] == "all", self.questions(player)[number]
        fields = {"question": f"q{number}", "asker": each["from"], "respondent": player, "words": question,
                  "answer": words.strip()}
        text = f"q{number}, {self.name(player)} answers: \u201c{words.strip()}\u201d"
        if shared:
            self.say("answered", shared=True, text=f"{text} (asked: \u201c{question}\u201d)", **fields)
        else:
            self.tell(each["from"], "answer", text=text, **fields)
            self.say("answered", shared=False, question=f"q{number}", asker=each["from"], respondent=player,
                     text=f"q{number}: {self.name(player)} has answered {self.name(each['from'])}.")
        self.delete(number)
        answered = self.ctx.seat(player).setdefault("answered", {})  # by number: the tenure of the player who asked
        answered[number] = next(each["tenure"] for each in self.ctx.players if each["slot_id"] == fields["asker"])
        if len(answered) > WITHDRAWABLE:
            del answered[min(answered, key=int)]

    # ---- Questions and players -------------------------------------------------------

    def members(self):
        """Returns the slots of the players who opted in."""
        return [each["slot_id"] for each in self.ctx.players if "questions" in self.ctx.seat(each["slot_id"])]

    def questions(self, player):
        """Returns the words of the open questions from and to a player, by number; {} if it left or has not opted in."""
        return self.ctx.seat(player).get("questions", {}) if self.is_here(player) else {}

    def question_to(self, player, number):
        """Returns the open question to this player; if there is none, tells the player so."""
        each = self.state["open"].get(number)
        if each is None or each["to"] != player or number not in self.questions(player):
            self.refuse(player, "NO_SUCH_QUESTION", f"there is no open question q{number} to you.")
            return None
        return each

    def close(self, number, outcome, why):
        """Ends a question without an answer."""
        each = self.delete(number)
        self.say("closed", question=f"q{number}", asker=each["from"], respondent=each["to"], outcome=outcome,
                 text=f"q{number} is closed: {why}.")

    def delete(self, number):
        """Deletes an open question and its words, and returns what was public of it."""
        each = self.state["open"].pop(number)
        self.ctx.timer(f"close:{number}", None)
        for player in (each["from"], each["to"]):
            self.questions(player).pop(number, None)
        return each

    def refuse(self, player, reason, details):
        if self.is_here(player):
            self.tell(player, "error", reason=reason, text=details[0].upper() + details[1:])

    def status(self, player, public):
        """Returns who can be asked, and the open questions; with their words only in private, to those who know them."""
        shown, words = [], {} if public else self.questions(player)
        for number, each in self.state["open"].items():
            entry = {"question": f"q{number}", "asker": each["from"], "respondent": each["to"], "consent": each["consent"]}
            if number in words:
                entry["words"] = words[number]
            shown.append(entry)
        members = self.members()
        return {"type": "status", "members": members, "open": shown,
                "text": f"Can be asked: {', '.join(map(self.name, members)) or 'nobody yet'}. "
                        f"Open questions: {', '.join(each['question'] for each in shown) or 'none'}."}

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
        """Returns the slot of the player with this slot id or label; None if there is not exactly one."""
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
    """Parses a message: returns a dict with an `action`, or None for conversation."""
    if body.get("type") == "move":  # as data: {"type": "move", "action": "ask", "to": "bob", "question": "..."}
        actions = ("opt in", "opt out", "ask", "consent", "decline", "withdraw", "answer", "status", "help")
        command = {key: body.get(key) for key in ("action", "to", "question", "number", "share", "answer")}
        return command if command["action"] in actions else None
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
