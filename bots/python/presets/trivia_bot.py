"""TriviaBot: asks questions, takes sealed answers, and proves that it changed none of them.

Everybody can read the parameters. So a game for which nobody can prepare has a sealed pack (`pack_hash`, `quizmaster`):

1. The quizmaster, who has a seat but does not play, writes a pack: {"salt": at least 16 random characters, "questions": [...]}.
   The parameters, and so the terms, have only its hash: sha256(canonical JSON of the pack): keys sorted, no spaces, UTF-8.
2. Before the game, the quizmaster sends the bot the pack by private message. A pack with another hash is refused. So the
   questions were fixed before anybody joined.
3. The order of the questions is drawn with the players' randomness (`ctx.start()`, `on_start`). In the same hook the bot
   commits to each question, and separately to its answers: sha256(text + "|" + salt).
4. A question is opened when it is asked, its answers when it is closed. Everybody answers by private message, once, and in
   the log before the time is up. Then all answers are posted.
5. After the game the bot posts the whole pack, opens the private messages (`ctx.unseal()`) and reveals the seed. Anybody
   can then check the hash, every commitment, every answer and all points. So a sealed pack serves for one game.

Who knows the answers before: the quizmaster, those whom the quizmaster told, and the operator of the relay, who can read
private messages. Nothing prevents a quizmaster from telling a player. The packs in this file (`pack="science"`, "geography")
and those written into the parameters are for practice only: everybody can read the answers.

A question is {"question": "...", "answers": ["...", ...]}. With "choices": [two to six texts] the answers are among them, and
players answer with the letter or the words of one. `scoring="all"`: each correct answer is a point; "first": only the
first correct one in the log. Answers are compared without regard to case, accents, punctuation, `the`, `a` or `an` in front,
and the notation of numbers: "1,000" is "1000", "7.0" is "7", and words from zero to twenty are numbers.

The most points win. The game ends early when all players but one have left: that one wins; and when nobody answered two
questions in a row. If the channel is closed, nobody wins. While a game runs, the bot holds the seats.

Private: `B`, `Paris` or `answer Paris`, `pass`, `pack {...}`. Public: `start`, `!status`, `!help`. Data: {"answer": "B"},
{"pack": {...}}. An answer may name its turn, {"answer": "B", "turn_id": 3}; it counts in no other turn.
"""

import datetime
import decimal
import hashlib
import json
import re
import secrets
import unicodedata

PARAMS = {"pack": None, "pack_hash": None, "quizmaster": None, "questions": 10, "turn_seconds": 120, "scoring": "all"}
LETTERS = "ABCDEF"
PLACES = 12  # players of one game
MOST_QUESTIONS, LONGEST_PACK = 40, 10_000  # of a pack; bytes of its canonical JSON
LONGEST_QUESTION, LONGEST_ANSWER = 300, 100  # characters
HOLD_SECONDS, LONGEST_HOLD = 3600, 86400  # how long the seats are held after a move; the turn clock adds to it
PACK = re.compile(r"pack\s+(\{.*\})", re.IGNORECASE | re.DOTALL)
ANSWER = re.compile(r"answer(?:\s*:\s*|\s+)(.+)", re.IGNORECASE | re.DOTALL)
TOKEN = re.compile(r"(?<![\w.])(-?(?:\d+(?:\.\d+)?|\.\d+))|([^\W_]+)")  # a number, or a word
WORDS = {word: str(number) for number, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty".split())}

# For practice. Each row: question, accepted answers, and choices if there are any; " | " separates texts.
PACKS = {
    "science": (
        ("What is the chemical symbol of gold?", "Au"),
        ("How many protons are in the nucleus of a carbon atom?", "6"),
        ("Which planet of the solar system has the greatest mass?", "Jupiter"),
        ("At which number do the Celsius and the Fahrenheit scale show the same temperature?", "-40 | minus 40"),
        ("Which of these numbers is prime?", "59", "51 | 57 | 59 | 63"),
        ("How many edges does a cube have?", "12"),
        ("Which of these planets has no moon?", "Venus", "Mars | Neptune | Saturn | Venus"),
    ),
    "geography": (
        ("What is the capital of Australia?", "Canberra"),
        ("Which ocean is the largest?", "Pacific | Pacific Ocean"),
        ("Which of these cities is the capital of Canada?", "Ottawa", "Toronto | Montreal | Ottawa | Vancouver"),
        ("Which mountain is the highest above sea level?", "Everest | Mount Everest | Mt. Everest | Sagarmatha | Qomolangma"),
        ("Which river flows through the centre of Paris?", "Seine | River Seine"),
        ("Which of these countries has no sea coast?", "Bolivia", "Peru | Bolivia | Ecuador | Chile"),
        ("What is the capital of Brazil?", "Bras\u00edlia"),
    ),
}


class TriviaBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        self.sealed = self.params["pack_hash"] is not None
        self.state = ctx.get_state() or {
            "phase": "waiting",  # then "starting", "playing", "over"; with an open pack "starting" again ...
            "game": 0,
            "quizmaster": None,  # slot id
            "pack": None,  # the quizmaster's; secret until the game is over
            "seated": [],  # slot ids of everyone here, in the order they joined
            "ready": [],  # players who posted `start`
            "players": [], "out": [], "scores": {},  # of this game; `out` are players who left
            "order": [], "at": 0,  # the questions of this game, secret until each is opened, and the place of the present one
            "answered": [],  # players who answered the present question, in the order of the log
            "missed": 0,  # questions in a row that nobody answered
            "turn_id": 0, "due": None,  # number of the current turn, counted over all games, and when its time is up
            "held_until": None,  # until when the seats are held
        }

    # ---- What happens in the channel -------------------------------------------------

    def on_init(self):
        label, seconds, pack_hash = self.params["quizmaster"], self.params["turn_seconds"], self.params["pack_hash"]
        source = "This is practice: everybody can read the answers, in my code or parameters."
        if self.sealed:
            slots = [slot["slot_id"] for slot in self.ctx.slots if slot["kind"] == "invite" and slot["label"] == label]
            demand(len(slots) == 1, f"the quizmaster '{label}' must be the label of exactly one invite slot.")
            self.state["quizmaster"] = slots[0]
            source = (f"{label} sends me the questions by private message, in a sealed pack with the hash {pack_hash}. "
                      f"{label}, those whom {label} told, and the relay's operator know the answers.")
        self.say("bot", "prompt", practice=not self.sealed, **{key: self.params[key] for key in self.params if key != "pack"},
                 text=f"Trivia: answer each question by private message (dm_bot), within {seconds} s. An answer is final. "
                      f"{'Each' if self.params['scoring'] == 'all' else 'The first'} correct answer is a point. {source} "
                      "The game starts when every seat is taken, or when two players say `start`.")
        self.remember()

    def on_join(self, player_id):
        if player_id not in self.state["seated"]:
            self.state["seated"].append(player_id)
            self.remember()

    def on_ready(self):
        if self.state["phase"] == "waiting":
            self.begin()
            self.remember()

    def on_leave(self, player_id):
        for group in ("seated", "ready"):
            self.state[group] = [seat for seat in self.state[group] if seat != player_id]
        if self.state["phase"] == "playing" and player_id in self.active():
            self.say("bot", "player_left", player=player_id, text=f"{self.name(player_id)} left and is out of the game.")
            self.drop(player_id)
        self.remember()

    def on_message(self, msg):
        player = msg["sender"]
        if msg["kind"] != "user" or player not in self.state["seated"]:
            return
        body = msg["body"] or {}
        action, value = read(body)
        if action in ("answer", "pass", "pack"):
            if action == "pack" or self.state["phase"] == "playing" and player in self.active():
                self.violation(player, "SENT_IN_PUBLIC", "answers and packs are sealed: send yours by dm_bot. Posts do not count.",
                               in_public=True)
        elif action == "start":
            self.vote(player)
        elif action in ("!status", "!help"):
            self.ctx.post("bot", self.status() if action == "!status" else self.help())
        else:
            return  # conversation
        self.remember()

    def on_private_message(self, slot_id, msg):
        if slot_id not in [player["slot_id"] for player in self.ctx.players]:
            return  # the player has left
        action, value = read(msg)
        text = str(msg.get("text", "")).strip()
        if action == "pack":
            self.take_pack(slot_id, value)
        elif action in ("answer", "pass"):
            self.answer(slot_id, action, value, msg.get("turn_id"))
        elif action is None and self.state["phase"] == "playing" and slot_id in self.active() and text[-1:] not in ("", "?"):
            self.answer(slot_id, "answer", text, msg.get("turn_id"))
        else:
            self.ctx.dm(slot_id, "private", self.status() if action == "!status" else self.help())
        self.remember()

    def on_timer(self, name):
        if name == "turn" and self.state["phase"] == "playing" and self.ctx.now >= self.state["due"]:
            self.close_question()
            self.remember()

    def on_close(self):
        if self.state["phase"] == "playing":
            self.end_game("closed")
            self.remember()

    # ---- The pack, and the start -----------------------------------------------------

    def take_pack(self, slot_id, given):
        """Takes the quizmaster's pack if it is the one whose hash is in the terms."""
        state = self.state
        if slot_id != state["quizmaster"] or state["pack"]:
            return self.violation(slot_id, "PACK_REFUSED", "I take one pack, from the quizmaster whom the parameters name.")
        try:
            given = json.loads(given) if isinstance(given, str) else given
            check_pack(given)
        except (ValueError, RecursionError) as error:
            return self.violation(slot_id, "BAD_PACK", str(error)[:300])
        if digest(given) != self.params["pack_hash"]:
            return self.violation(slot_id, "WRONG_PACK", f"this pack has the hash {digest(given)}; the parameters have another.")
        state["pack"] = given
        self.say("bot", "pack_received", questions=len(given["questions"]), pack_hash=digest(given),
                 text=f"{self.name(slot_id)} has sent me the pack with the hash {digest(given)}.")
        are_here = all(slot["filled"] or slot["kind"] == "bot" for slot in self.ctx.slots)
        if are_here and all(player["may_post"] for player in self.ctx.players):
            self.begin()

    def vote(self, player):
        state = self.state
        if state["phase"] == "starting":
            self.ctx.start()  # has no effect while the request is pending; needed if on_start has failed
        if state["phase"] in ("starting", "playing") or player not in self.here():
            self.ctx.post("bot", self.status())
        elif state["phase"] == "over" and self.sealed:
            self.violation(player, "PACK_USED", "the pack is open now. Another game needs another channel, with another pack.",
                           in_public=True)
        else:
            state["ready"] = list(dict.fromkeys([*state["ready"], player]))
            if len(state["ready"]) >= self.fewest():
                return self.begin()
            self.say("bot", "start_vote", ready=state["ready"], text=f"{self.name(player)} is ready. One more has to say `start`.")

    def begin(self):
        """Asks for the players' randomness if there is a pack."""
        if self.sealed and not self.state["pack"]:
            return self.say("bot", "pack_awaited", quizmaster=self.state["quizmaster"], text="The game starts when "
                            f"{self.name(self.state['quizmaster'])} has sent me the pack by private message (dm_bot).")
        self.state.update(phase="starting", ready=[])
        self.hold_seats()
        self.ctx.start()

    def on_start(self, contributors, missing):
        state = self.state
        may_post = [player["slot_id"] for player in self.ctx.players if player["may_post"]]
        players = [player for player in self.here() if player in may_post][:PLACES]
        if len(players) < self.fewest():
            state.update(phase="over" if state["game"] else "waiting", held_until=None)
            self.ctx.release_seats()
            self.say("bot", "start_cancelled", text="The game does not start: too few players are left. Say `start` to try again.")
            self.reveal()  # so that the next draw begins with everybody who is seated then
            return self.remember()
        order = list(state["pack"]["questions"] if self.sealed else self.params["pack"])
        for last in range(len(order) - 1, 0, -1):  # Fisher-Yates: every order is equally likely
            other = secrets.randbelow(last + 1)
            order[last], order[other] = order[other], order[last]
        state.update(phase="playing", game=state["game"] + 1, players=players, out=[], at=0, missed=0,
                     scores={player: 0 for player in players}, order=[])
        commitments = []
        for each in order[:self.params["questions"]]:
            choices, answers = each.get("choices"), each["answers"]
            if choices:
                answers = [LETTERS[at] for at, choice in enumerate(choices) if plain(choice) in map(plain, answers)]
            questions, solutions = self.ctx.commit([each["question"], choices]), self.ctx.commit(answers)
            state["order"].append({"question": each["question"], "choices": choices, "answers": answers,
                                   "ids": [questions["id"], solutions["id"]]})
            commitments.append({"question": questions["commitment"], "answers": solutions["commitment"]})
        givers = self.names(contributors) or "the relay only"
        givers += f"; {self.names(missing)} gave none" if missing else ""
        self.say("bot", "game_start", game=state["game"], players=players, questions=len(commitments), commitments=commitments,
                 formula="sha256(text + '|' + salt)", pack_hash=self.params["pack_hash"], practice=not self.sealed,
                 entropy_from=contributors, missing=missing,
                 text=f"Game {state['game']}, {len(commitments)} questions: {self.names(players)}. They are drawn, and I am "
                      f"committed to each and its answers. Randomness in the draw from: {givers}.")
        self.ask()
        self.remember()

    def fewest(self):
        return 1 if sum(slot["kind"] == "invite" for slot in self.ctx.slots) - self.sealed < 2 else 2

    def hold_seats(self):
        """Protects the players from being kicked. Each valid move calls this; it renews the hold at most every 10 minutes."""
        state, now = self.state, self.ctx.now
        seconds = min(LONGEST_HOLD, HOLD_SECONDS + 2 * self.params["turn_seconds"])
        if state["held_until"] is None or state["held_until"] - now < seconds - 600:
            self.ctx.hold_seats(seconds)
            state["held_until"] = now + seconds

    # ---- Questions and answers -------------------------------------------------------

    def ask(self):
        state, seconds = self.state, self.params["turn_seconds"]
        now = state["order"][state["at"]]
        state.update(turn_id=state["turn_id"] + 1, answered=[], due=self.ctx.now + seconds)
        self.ctx.timer("turn", seconds)
        self.say("control", "question", number=state["at"] + 1, of=len(state["order"]), question=now["question"],
                 choices=now["choices"], proof=self.open(now, 0), **self.offer(), board=self.board(now["choices"]),
                 text=f"{self.question()}\nAnswer by private message (dm_bot), within {seconds} s.")

    def offer(self):
        """Returns the fields of a post that ask for answers. The moves are sealed: they are sent by private message."""
        state, letters = self.state, list(LETTERS[:len(self.state["order"][self.state["at"]]["choices"] or [])])
        return {"turn": [player for player in self.active() if player not in state["answered"]], "turn_id": state["turn_id"],
                "private": True, "actions": letters or ["pass"], "other_actions": ["pass"] if letters else [],
                "deadline": timestamp(state["due"])}

    def question(self):
        """Returns the present question in words."""
        now = self.state["order"][self.state["at"]]
        choices = [f"\n{letter}) {choice}" for letter, choice in zip(LETTERS, now["choices"] or [])]
        return f"Question {self.state['at'] + 1} of {len(self.state['order'])}: {now['question']}{''.join(choices)}"

    def answer(self, player, action, value, turn_id):
        state = self.state
        turn = state["turn_id"]
        if state["phase"] != "playing":
            return self.violation(player, "NO_QUESTION", "no question is open. I post each one in the channel.")
        if player not in self.active():
            return self.violation(player, "NOT_A_PLAYER", "you are not in this game.")
        if turn_id not in (None, turn):
            over = f"turn {turn_id} is over" if whole(turn_id, 1, turn - 1) else "there is no such turn"
            return self.violation(player, "STALE_TURN", f"{over}; this is turn {turn}, question {state['at'] + 1}.")
        if player in state["answered"]:
            return self.violation(player, "ALREADY_ANSWERED", "you have answered this question, and an answer is final.")
        given = "" if action == "pass" else understood(value, state["order"][state["at"]]["choices"])
        if given is None:
            return self.violation(player, "BAD_ANSWER", "answer with the letter or the words of a choice, without choices "
                                  f"with at most {LONGEST_ANSWER} characters; or `pass`.")
        self.hold_seats()
        self.ctx.seat(player)["answer"] = given
        state["answered"].append(player)
        self.ctx.dm(player, "private", {"type": "sealed", "answer": given, "turn_id": turn,
                                        "text": f"Your answer is sealed: {given}" if given else "You pass."})
        self.say("bot", "answered", player=player, **self.offer(), text=f"{self.name(player)} has answered.")
        if not self.offer()["turn"]:
            self.close_question()

    def take_answers(self):
        """Returns the sealed answers by slot, and forgets them."""
        here = [player["slot_id"] for player in self.ctx.players]
        return {player: self.ctx.seat(player).pop("answer", "") for player in self.state["answered"]
                if player in self.active() and player in here}

    def close_question(self):
        """Opens the answers, all at once, and asks the next question."""
        state = self.state
        now, answers = state["order"][state["at"]], self.take_answers()
        right = [player for player, given in answers.items() if is_right(given, now["answers"])]
        scorers = right if self.params["scoring"] == "all" else right[:1]
        for player in scorers:
            state["scores"][player] += 1
        solution = now["answers"][0] + (f") {now['choices'][LETTERS.index(now['answers'][0])]}" if now["choices"] else "")
        told = f"Correct: {self.names(right)}." if right else "Nobody is right."
        told += f" {self.name(right[0])} was first, and gets the point." if right != scorers else ""
        self.say("bot", "result", number=state["at"] + 1, question=now["question"], correct_answers=now["answers"], answers=answers,
                 order=list(answers), right=right, scorers=scorers, scores=state["scores"], board=self.board(),
                 proof=self.open(now, 1), text=f"The answer is {solution}. {told} {self.standing()}")
        state.update(at=state["at"] + 1, answered=[], missed=0 if answers else state["missed"] + 1)
        if state["at"] == len(state["order"]):
            self.end_game("played")
        elif state["missed"] == 2:
            self.end_game("time")
        else:
            self.ask()

    def drop(self, player):
        """Takes a player out of the game. The last one left wins it."""
        self.state["out"].append(player)
        left = self.active()
        if not left or len(left) == 1 < len(self.state["players"]):
            self.end_game("leave")
        elif not self.offer()["turn"]:
            self.close_question()

    # ---- The end: everything is opened -----------------------------------------------

    def end_game(self, reason):
        state, left = self.state, self.active()
        best = max([state["scores"][player] for player in left], default=0)
        winners = left if reason == "leave" else [] if reason == "closed" else [
            player for player in left if state["scores"][player] == best > 0]
        unasked = [{"question": self.open(each, 0), "answers": self.open(each, 1)} for each in state["order"] if each["ids"][1]]
        self.take_answers()
        state.update(phase="over", order=[], answered=[], at=0, held_until=None)
        self.ctx.timer("turn", None)
        self.ctx.release_seats()
        if unasked:
            self.say("bot", "unasked", proofs=unasked, text=f"Commitments that were still closed, of {len(unasked)} question(s).")
        if self.sealed:
            self.say("bot", "pack_opened", pack=state["pack"], pack_hash=self.params["pack_hash"],
                     text=f"This was the pack. The SHA-256 of its canonical JSON must be {self.params['pack_hash']}.")
        try:
            self.ctx.unseal()
            unsealed = True
        except RuntimeError:
            unsealed = False  # the manifest does not allow it
        winner = winners[0] if len(winners) == 1 else None
        ending = f"{self.name(winner)} wins" if winner else f"{self.names(winners)} share the victory" if winners else "Nobody wins"
        opened = "The private messages are in everybody's receipt now." if unsealed else "The private messages stay private."
        advice = "" if reason == "closed" or self.sealed else " Say `start` to play again."
        self.say("bot", "game_end", game=state["game"], reason=reason, winner=winner, winners=winners,
                 scores=state["scores"], board=self.board(), unsealed=unsealed, players=state["players"], turn=[],
                 text=f"{ending}. {self.standing()} {opened}{advice}")
        self.reveal()

    def open(self, question, which):
        """Opens one of the two commitments to a question; returns None if it is open already."""
        commitment, question["ids"][which] = question["ids"][which], None
        proof = self.ctx.open(commitment) if commitment else None
        return proof and {key: proof[key] for key in ("text", "salt", "commitment")}

    def reveal(self):
        try:
            self.ctx.reveal()
        except RuntimeError:
            pass  # a bot has about a thousand seeds; without one, the commitments still prove questions and answers

    # ---- Status, help and names ------------------------------------------------------

    def violation(self, player, reason, details, in_public=False):
        """Says that a move is invalid. It has no other effect."""
        body = {"type": "violation", "reason": reason, "player": player, "details": details,
                "text": f"{self.name(player)}: {details}"}
        self.ctx.post("control", body) if in_public else self.ctx.dm(player, "private", body)

    def here(self):
        return [seat for seat in self.state["seated"] if seat != self.state["quizmaster"]]

    def active(self):
        return [player for player in self.state["players"] if player not in self.state["out"]]

    def board(self, choices=None):
        points = sorted(self.state["scores"].items(), key=lambda each: -each[1])
        rows = [[self.name(player)[:40], f"points: {each}" if choices else str(each)] for player, each in points]
        rows = [[letter, choice] for letter, choice in zip(LETTERS, choices or [])] + rows
        return {"kind": "table", "columns": ["", "choice" if choices else "points"], "rows": rows}

    def standing(self):
        points = [f"{self.name(player)} {points}" for player, points in self.state["scores"].items()]
        return f"Points: {', '.join(points)}." if points else ""

    def status(self):
        """Returns the public part of the state: no answer, and no question but the present one."""
        state = self.state
        text = {"waiting": "The game has not started.", "starting": "The questions are being drawn.", "over": "The game is over."}
        text = text.get(state["phase"]) or f"{self.question()}\nMissing answers: {self.names(self.offer()['turn'])}."
        if state["phase"] == "waiting" and self.sealed and not state["pack"]:
            text += f" {self.name(state['quizmaster'])} has to send me the pack."
        public = ("phase", "game", "quizmaster", "players", "scores", "turn_id", "answered")
        return dict({key: state[key] for key in public}, type="status", pack_hash=self.params["pack_hash"], board=self.board(),
                    text=f"{text} {self.standing()}")

    def help(self):
        commands = ["by dm_bot: B, Paris or answer Paris", "pass", "pack {...}", "in public: start", "!status", "!help"]
        return {"type": "help", "commands": commands, "text": "; ".join(commands) + ". Programs send {\"answer\": \"B\"} as data."}

    def name(self, slot_id):
        return {slot["slot_id"]: slot["label"] for slot in self.ctx.slots}.get(slot_id) or slot_id

    def names(self, slot_ids):
        return ", ".join(self.name(slot_id) for slot_id in slot_ids)

    def say(self, kind, event, **fields):
        self.ctx.post(kind, dict(fields, type=event))

    def remember(self):
        self.ctx.set_state(self.state)


def plain(text):
    """Returns an answer as it is compared: lower case, no accents, no punctuation, no article in front, numbers as digits."""
    text = unicodedata.normalize("NFKD", text).casefold().replace("\u2212", "-")
    text = "".join(character for character in text if not unicodedata.combining(character))
    text = re.sub(r"(?<=\d)[,'\u2019 ](?=\d{3}(?!\d))", "", text)  # 1,000 and 1 000
    words = []
    for number, word in TOKEN.findall(re.sub(r"['\u2019]", "", text)):
        words.append(f"{(decimal.Decimal(number) + 0).normalize():f}" if number else WORDS.get(word, word))  # 007 and 7.0 are 7
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("the", "a", "an") else words)


def is_right(given, answers):
    return plain(given) in map(plain, answers)


def understood(value, choices):
    """Returns an answer as it is sealed: a text, or the letter of a choice; None if it is no answer."""
    text = " ".join(str(value).split()) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
    if not is_text(text, LONGEST_ANSWER):
        return None
    if not choices:
        return text
    letter = text.strip("(). :").upper()
    if len(letter) == 1 and letter in LETTERS[:len(choices)]:
        return letter
    return next((letter for letter, choice in zip(LETTERS, choices) if plain(choice) == plain(text)), None)


def read(body):
    """Parses a message: returns (action, value), or (None, None) for conversation, which in private may be an answer."""
    for name in ("answer", "pack"):
        if name in body:  # as data: {"answer": "B"}
            return name, body[name]
    if body.get("type") == "move":  # or {"type": "move", "action": "answer", "value": "B"}
        action = {"rematch": "start", "status": "!status", "help": "!help"}.get(str(body.get("action")), body.get("action"))
        return (action, body.get("value")) if action in ("answer", "pass", "start", "!status", "!help") else (None, None)
    text = str(body.get("text", "")).strip()
    word = text.lower().strip(".*_`\"' ")
    if word in ("!status", "!help"):
        return word, None
    if word in ("start", "rematch", "pass"):
        return "pass" if word == "pass" else "start", None
    for action, pattern in (("pack", PACK), ("answer", ANSWER)):
        if pattern.fullmatch(text):
            return action, pattern.fullmatch(text)[1].strip("`\"")
    return ("answer", word) if len(word) == 1 and word in LETTERS.lower() else (None, None)


def digest(pack):
    text = json.dumps(pack, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def is_text(value, most):
    return isinstance(value, str) and value.isprintable() and 0 < len(plain(value)) and len(value) <= most


def are_texts(values, low, high):
    return isinstance(values, list) and low <= len(values) <= high and all(is_text(each, LONGEST_ANSWER) for each in values)


def check_pack(pack):
    """Raises a ValueError that says what is wrong with a pack."""
    demand(isinstance(pack, dict) and set(pack) == {"salt", "questions"} and is_text(pack["salt"], 200) and len(pack["salt"]) >= 16,
           "a pack is {\"salt\": ..., \"questions\": [...]}, with 16 to 200 random characters as salt.")
    questions = pack["questions"]
    demand(isinstance(questions, list) and 1 <= len(questions) <= MOST_QUESTIONS, f"a pack has 1 to {MOST_QUESTIONS} questions.")
    for at, each in enumerate(questions, 1):
        demand(isinstance(each, dict) and {"question", "answers"} <= set(each) <= {"question", "answers", "choices"}
               and is_text(each["question"], LONGEST_QUESTION) and are_texts(each["answers"], 1, 10),
               f"question {at} needs 'question', a line of at most {LONGEST_QUESTION} characters, and 'answers', 1 to 10 texts.")
        if "choices" in each:
            known = list(map(plain, each["choices"])) if are_texts(each["choices"], 2, len(LETTERS)) else []
            demand(known and len(set(known)) == len(known) and not set(known) & set(LETTERS.lower()),
                   f"question {at} needs 2 to {len(LETTERS)} different choices, none of which is a letter from A to F.")
            demand(set(map(plain, each["answers"])) <= set(known), f"question {at} has an answer that is no choice.")
    demand(len(json.dumps(pack, ensure_ascii=False).encode()) <= LONGEST_PACK, f"a pack has at most {LONGEST_PACK} bytes of JSON.")


def timestamp(seconds):
    """Returns a time as 2026-01-31T12:00:00.000Z."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(value, low, high):
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def demand(holds, problem):
    if not holds:
        raise ValueError(problem)


def read_params(params):
    """Returns all parameters, with the questions of a pack for practice."""
    chosen = {**PARAMS, **params}
    demand(set(chosen) == set(PARAMS), f"TriviaBot has no parameters but {', '.join(PARAMS)}.")
    pack, pack_hash, quizmaster = chosen["pack"], chosen["pack_hash"], chosen["quizmaster"]
    demand(whole(chosen["questions"], 1, MOST_QUESTIONS), f"'questions' must be a whole number from 1 to {MOST_QUESTIONS}.")
    demand(whole(chosen["turn_seconds"], 5, 86400), "'turn_seconds' must be a whole number from 5 to 86400.")
    demand(chosen["scoring"] in ("all", "first"), "'scoring' must be \"all\" or \"first\".")
    if pack_hash is not None or quizmaster is not None:
        demand(re.fullmatch(r"sha256:[0-9a-f]{64}", str(pack_hash)), "'pack_hash' must be sha256: and 64 hex digits.")
        demand(isinstance(quizmaster, str), "'quizmaster' must be the label of the slot whose player sends the pack.")
        demand(pack is None, "choose either 'pack', for practice, or 'pack_hash'.")
        return chosen
    pack = "science" if pack is None else pack
    demand(isinstance(pack, list) or pack in list(PACKS), f"'pack' must be a list of questions, or one of: {', '.join(PACKS)}.")
    if not isinstance(pack, list):
        rows = [(row[0], *(texts.split(" | ") for texts in row[1:])) for row in PACKS[pack]]
        pack = [dict(zip(("question", "answers", "choices"), row)) for row in rows]
    check_pack({"salt": "for practice only", "questions": pack})
    return dict(chosen, pack=pack)
