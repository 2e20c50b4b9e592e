# tries: the files of other bots
# on: policy; rejected "Import of 'os' is not allowed"
# off: landlock, namespaces; held
import os  # refused


def by_listing(ctx):
    found = [name for name in os.listdir(ctx.params["workspaces"])]
    return found


def by_number(ctx):
    for number in range(200):
        path = f"{ctx.params['workspaces']}/{number}"
        if path == ctx.workspace:
            continue
        try:
            return os.listdir(path)
        except OSError:
            continue
    raise LookupError("none")


def by_planting(ctx):
    for number in range(200):
        path = f"{ctx.params['workspaces']}/{number}"
        if path == ctx.workspace:
            continue
        try:
            os.close(os.open(path + "/planted", os.O_CREAT | os.O_WRONLY))
        except OSError:
            continue
        return path
    raise LookupError("none")


ATTEMPTS = [by_listing, by_number, by_planting]
