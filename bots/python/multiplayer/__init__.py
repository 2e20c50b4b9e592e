"""What a bot's process runs besides the bot: the policy that its source must meet, and the author's API.

The worker embeds these files and loads them in the order of their dependencies; nothing here is on
any import path, and a bot can't import it. The policy gives readable errors to honest authors. It is
not the wall: the process is.
"""
