"""The Python code in a bot's process besides the bot: the policy that checks its source, and the author's API.

The worker embeds these files and loads them in dependency order. They are on no import path, so a bot
can't import them. The policy gives authors readable errors. It is not the security boundary: that is the
process sandbox.
"""
