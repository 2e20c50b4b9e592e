# tries: files that the relay cannot remove, so that its next hook cannot start
# on: policy; rejected "Import of 'os' is not allowed"
# off: namespaces, limits; held
# says: attack, look, look
import os  # refused


class Bot:
    def on_message(self, msg):
        found = sorted(os.listdir(self.ctx.workspace))
        for name in ("closed", "a\nb", "\udcff", "x" * 255):
            path = os.path.join(self.ctx.workspace, name)
            try:
                os.makedirs(path + "/inner/inner")
                os.close(os.open(path + "/inner/file", os.O_CREAT | os.O_WRONLY, 0))
                os.chmod(path + "/inner", 0)
                os.chmod(path, 0)
            except OSError:
                pass
        escaped = {"left": ascii(found)} if found else {}
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": ["asked"], "reached": []})
