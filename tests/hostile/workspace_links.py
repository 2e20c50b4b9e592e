# tries: other files, through links out of the workspace, and to have the relay remove them
# on: policy; rejected "Import of 'os' is not allowed"
# off: landlock, namespaces, seccomp; held
# says: attack, look
import os  # refused


class Bot:
    def on_message(self, msg):
        params, escaped, refused = self.ctx.params, {}, {}
        for name, target in (("file", params["canary"]), ("directory", params["data_dir"]), ("all", params["workspaces"])):
            link = f"{self.ctx.workspace}/{name}"
            for make in (os.symlink, os.link):
                try:
                    make(target, f"{link}-{make.__name__}")
                    path = f"{link}-{make.__name__}"
                    escaped[path] = os.listdir(path) if name != "file" else os.read(os.open(path, 0), 100).decode()
                except OSError as error:
                    refused[f"{name} {make.__name__}"] = str(error)[:60]
        try:
            os.rename(params["canary"], self.ctx.workspace + "/canary")
            escaped["rename"] = True
        except OSError as error:
            refused["rename"] = str(error)[:60]
        try:
            os.mkfifo(self.ctx.workspace + "/fifo")
        except OSError as error:
            refused["fifo"] = str(error)[:60]
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": refused, "reached": []})
