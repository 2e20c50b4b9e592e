# tries: recursion without the interpreter's limit, until the stack is exhausted
# on: facades; fails "AttributeError"
# off: process; fails "the bot's process ended during on_message"
import sys


class Bot:
    def on_message(self, msg):
        sys.setrecursionlimit(2**31 - 1)

        class Deep:
            def __getitem__(self, key):
                return self[key]

            def __add__(self, other):
                return sorted([self, other], key=lambda value: value + other)

        Deep() + Deep()
