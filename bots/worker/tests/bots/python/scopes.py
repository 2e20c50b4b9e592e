from __future__ import annotations
import enum

calls = 0

class Move(enum.Enum):
    UP = 1

class Bot:
    __match_args__ = ('name',)
    name = 'bot'

    def on_init(self):
        global calls
        calls += 1
        out = [calls, __name__ == '__main__']
        total = 0
        def add(n: int) -> int:
            nonlocal total
            total += n
            return total
        add(2); add(3)
        out.append(total)
        def judge(value):
            match value:
                case 0 | 1:
                    return 'bit'
                case Move.UP:
                    return 'up'
                case [x, *rest] if rest:
                    return f'list {x} {rest}'
                case {'guess': int(n), **more}:
                    return f'guess {n} {more}'
                case Bot(name='bot'):
                    return 'me'
                case str() as text:
                    return text
                case None:
                    return 'none'
                case _:
                    return 'other'
        out.append([judge(v) for v in (1, Move.UP, [1, 2], {'guess': 4, 'a': 1}, self, 'hi', None, 2.5)])
        assert out, 'never'
        input, id, vars = 'names', 'of', 'built-ins'
        out.append(f'{input} {id} {vars}')
        func = lambda: None
        func.calls = 1
        func.calls += 1
        out.append([func.calls, getattr(self, 'name'), getattr(self, 'nothing', 5), hasattr(self, '_x')])
        setattr(self, '_x', 1)
        out.append([self._x, callable(self.on_init), isinstance(1, (int, str)), issubclass(bool, int)])
        self.ctx.post('bot', {'out': out})
