//! Ordinary Python works under the policy.

use serde_json::json;

use crate::harness::{Bots, ReportExt, assert_posts, init_bot, on_init};

#[tokio::test]
async fn loops_comprehensions_and_generators() {
    let source = init_bot(
        "for i, c in enumerate('ab'):
    out.append([i, c])
else:
    out.append('done')
n = 0
while True:
    n += 1
    if n == 2:
        continue
    if n > 3:
        break
out.append(n)
out.append([x * y for x, y in [(1, 2), (3, 4)] if x])
out.append({k: v for k, v in zip('ab', (1, 2))})
out.append(sorted({x % 3 for x in range(9)}))
out.append([(a, b) for a in range(2) for b in range(2) if a != b])
def count(limit):
    seen = 0
    while seen < limit:
        got = yield seen
        seen += got or 1
    return 'end'
def both():
    end = yield from count(2)
    yield end
out.append(list(both()))
g = count(10)
out.append([next(g), g.send(4)])
out.append(list(map(lambda x: x + 1, filter(None, [0, 1, 2]))))
out.append([sum(x for x in range(4)), any([0, 1]), all([]), min(3, 1), max([2, 5]), abs(-1), round(2.5)])
out.append(list(reversed(sorted('bca', key=lambda c: -ord(c)))))",
    );
    let expected = json!([
        [0, "a"], [1, "b"], "done", 4, [2, 12], {"a": 1, "b": 2}, [0, 1, 2], [[0, 1], [1, 0]], [0, 1, "end"],
        [0, 4], [2, 3], [6, true, true, 1, 5, 1, 2], ["a", "b", "c"],
    ]);
    assert_posts(&source, expected).await;
}

#[tokio::test]
async fn assignment_in_all_its_forms() {
    let source = init_bot(
        "x = y = 1
x += 1; x *= 5; x -= 1; x //= 2; x **= 2; x %= 7
out.append([x, y])
self.n = 1
self.n += 1
d = {'k': {'n': 1}}
d['k']['n'] += 1
d.setdefault('list', []).append(self.n)
items = [1, 2, 3, 4]
items[1:3] = ['x']
items[-1] *= 2
out.append([self.n, d, items])
a, (b, *c), *rest = 1, (2, 3, 4), 5, 6
out.append([a, b, c, rest])
(first, second), third = [1, 2], 3
[p, q] = 'pq'
first, second = second, first
out.append([first, second, third, p, q])
order = []
def step(name, value):
    order.append(name)
    return value
box = [0, 0]
box[step('index', 1)] += step('value', 7)
out.append([order, box])
class Held: pass
held = Held()
held.items, held.count = [1], 0
held.items += [2]
def bump():
    held.count = 10
    return 1
held.count += bump()
del held.items[0]
out.append([held.items, held.count])
del held.count
out.append(hasattr(held, 'count'))
if (found := len(items)) > 1:
    out.append(found)
total: int = 3
self.total: float = 1.5
label: str
out.append([total, self.total])
with_default = lambda a, *rest, key=2, **more: [a, rest, key, more]
out.append(with_default(1, 5, key=3, z=4))
args, named = [1, 2], {'sep': '-'}
def joined(*parts, sep):
    return sep.join(str(part) for part in parts)
out.append(joined(*args, 3, **named))
out.append([*args, *range(2)])
out.append({**named, 'x': 1})",
    );
    let expected = json!([
        [2, 1], [2, {"k": {"n": 2}, "list": [2]}, [1, "x", 8]], [1, 2, [3, 4], [5, 6]], [2, 1, 3, "p", "q"],
        [["index", "value"], [0, 7]], [[2], 1], false, 3, [3, 1.5], [1, [5], 3, {"z": 4}], "1-2-3",
        [1, 2, 0, 1], {"sep": "-", "x": 1},
    ]);
    assert_posts(&source, expected).await;
}

#[tokio::test]
async fn classes() {
    let source = include_str!("python/classes.py");
    let expected = json!([
        ["<BIG 9cm>", 1, "Square", "Square", true],
        [3, [5, 2, "closed"], "Stack of 3", "Stack([5, 2, 'closed'])", 3, true, true, [5, 2, "closed", 1], 3, 7],
        ["red", "SPADES", true, ["h", "s"]],
        [true, ["h"], "Card(rank=1, suit='h', tags=['h'])"],
        [{"x": 1, "y": 2}, ["left", "right"], 2],
        [{"a": 1}, {"x": [1]}, {"a": 1}],
        [3, 8, "none"],
        ["code 4", 4], "finally",
    ]);
    assert_posts(source, expected).await;
}

#[tokio::test]
async fn scopes_closures_and_matching() {
    let source = include_str!("python/scopes.py");
    let expected = json!([
        1,
        false,
        5,
        ["bit", "up", "list 1 [2]", "guess 4 {'a': 1}", "me", "hi", "none", "other"],
        "names of built-ins",
        [2, "bot", 5, false],
        [1, true, true, true],
    ]);
    assert_posts(source, expected).await;
}

#[tokio::test]
async fn text_and_numbers() {
    let source = init_bot(
        "name, n = 'alice', 3.14159
out.append(f'{name!r:>10} {n:.2f} {n:{6}.{1}f} {n = }')
out.append('{} {0!s}'.replace('{} ', '').format(name))
out.append('{who:>7}|{n:.1f}|{d[key]}'.format(who=name, n=n, d={'key': 1}))
out.append('{a} {b}'.format_map({'a': 1, 'b': 2}))
out.append(str.format('{0.real}', 5))
out.append('%s %05.1f' % (name, n))
out.append(' a,b '.strip().split(','))
out.append([int('ff', 16), bin(5), hex(255), 7 // 2, -7 % 3, divmod(7, 3), 2 ** 10, 5 & 3 | 8 ^ 1, ~1, 1 << 3, 6 >> 1])
out.append([bytes([65]).decode(), 'é'.encode('utf-8').hex(), ord('a'), chr(98), len('🤖')])
out.append([1 < 2 < 3, 1 if not out else 2, not [], None is None, 'a' not in 'bc', bool({}) or 'x'])
out.append([complex(1, 2).imag, float('1e3'), frozenset([1]) == {1}, list(range(5))[::-2], slice(1, 2).start])",
    );
    let expected = json!([
        "   'alice' 3.14    3.1 n = 3.14159",
        "alice",
        "  alice|3.1|1",
        "1 2",
        "5",
        "alice 003.1",
        ["a", "b"],
        [255, "0b101", "0xff", 3, 2, [2, 1], 1024, 9, -2, 8, 3],
        ["A", "c3a9", 97, "b", 1],
        [true, 2, true, true, true, "x"],
        [2.0, 1000.0, true, [4, 2, 0], 1],
    ]);
    assert_posts(&source, expected).await;
}

#[tokio::test]
async fn allowed_modules_import_and_work() {
    let source = include_str!("python/imports.py");
    let expected = json!([
        [null, 3, {"a": [1]}, "YQ=="], ["2d711642", "b600", 8], ["42", "7"], [[["a", 2]], [2], 1, [2]],
        ["0.3", "1/3", 2], ["2023-11-14T22:13:20.250000+00:00", "2023-11-15", 23], ["a=b+c", "x.org", "/", "A"],
        [[0, 1, 2], 3, 2, "A"], ["abc", "1", "2", "a b"], [200, true, true, 200],
        [true, {"a": [1]}, "LATIN SMALL LETTER A", "1"], [true, true, [], true, true],
        ["to a file", "x", "hi"], "json.decoder.JSONDeco", [1, [0, 1, 2], "a"],
    ]);
    assert_posts(source, expected).await;
}

#[tokio::test]
async fn prints_go_to_the_log() {
    let bots = Bots::new();
    let source = "
import sys, warnings, traceback
print('loaded')
class Bot:
    def on_init(self):
        print('a', 1, sep='-', end='!\\n')
        sys.stderr.write('b\\n')
        warnings.warn('careful')
        try:
            1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
";
    let report = bots.run(source, on_init()).await;
    assert!(report.effects().is_empty());
    let expected = [
        "loaded",
        "a-1!",
        "b",
        "UserWarning: careful",
        "Traceback (most recent call last):",
        "  File \"<bot>\", line 10, in on_init",
        "ZeroDivisionError: division by zero",
    ];
    assert_eq!(report.log, expected);
}

#[tokio::test]
async fn a_bot_class_is_found() {
    let bots = Bots::new();
    let two = "
class Player:
    def __init__(self, name):
        self.name = name
class Base:
    def on_init(self): self.ctx.post('bot', self.word)
class First(Base):
    word = 'first'
class Second(Base):
    word = 'second'
    def on_message(self, msg): pass
class Helper: pass
";
    let inspected = bots.inspect(two).await.unwrap();
    assert_eq!((inspected.class_name.as_str(), inspected.hooks.len()), ("Second", 2));
    assert_eq!(bots.run(two, on_init()).await.bodies(), [json!({"text": "second"})]);

    let named = two.replace("First", "test");
    assert_eq!(bots.inspect(&named).await.unwrap().class_name, "test", "the class with the bot's name comes first");

    let (message, _, hint) = bots.rejection("class Helper:\n    pass").await;
    assert_eq!(message, "the source has no bot class");
    assert!(hint.unwrap().contains("on_message"));
}

#[tokio::test]
async fn params_and_ctx_describe_the_channel() {
    let source = "
class Bot:
    def on_init(self):
        ctx = self.ctx
        ctx.players.clear()
        ctx.params['limit'] = 9
        out = [self.params, ctx.params, ctx.channel_id, ctx.bot_id, ctx.players, ctx.now, ctx.env, len(ctx.workspace) > 1]
        ctx.post('bot', {'out': out})
";
    let players = json!([
        {"slot_id": "s1", "label": "alice", "tenure": 3, "may_post": true},
        {"slot_id": "s2", "label": "bob", "tenure": 3, "may_post": true},
    ]);
    let expected = json!([{"limit": 3}, {"limit": 3}, "chn_1", "bot_1", players, 1_700_000_000.25, {}, true]);
    assert_posts(source, expected).await;
}
