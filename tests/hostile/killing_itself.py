# tries: to kill its process with a signal
# on: policy; rejected "Import of 'os' is not allowed"
# off: seccomp, process; stopped
# says: attack, look
import os  # refused
import signal  # refused


class Bot:
    def on_message(self, msg):
        refused = []
        if msg["body"]["text"] == "attack":
            for number in (signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL):
                try:
                    os.kill(os.getpid(), number)
                except OSError as error:
                    refused.append(str(error))
            os.abort()
        self.ctx.post("bot", {"text": "over", "escaped": {}, "refused": refused, "reached": []})
