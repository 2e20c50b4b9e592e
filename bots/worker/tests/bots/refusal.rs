//! Sources that the policy rejects, with the rule and the line that are reported.

use mcp_multiplayer_bot_supervisor::FailureKind;
use serde_json::json;

use crate::harness::{Bots, ReportExt, assert_posts, bot_of_cases, init_bot, on_message};

#[tokio::test]
async fn a_rejection_names_the_rule_and_the_line() {
    let bots = Bots::new();
    let cases = [
        ("import os", "Import of 'os' is not allowed"),
        ("import subprocess as s", "Import of 'subprocess' is not allowed"),
        ("from os.path import join", "Import of 'os.path' is not allowed"),
        ("import builtins", "Import of 'builtins' is not allowed"),
        ("import importlib", "Import of 'importlib' is not allowed"),
        ("from . import x", "Relative imports are not allowed"),
        ("from math import *", "\"*\" imports are not allowed"),
        ("eval('2+2')", "Eval calls are not allowed"),
        ("exec('x = 1')", "Exec calls are not allowed"),
        ("run = eval", "Eval calls are not allowed"),
        ("compile('1', '', 'eval')", "Compile calls are not allowed"),
        ("open('/etc/passwd')", "Open calls are not allowed"),
        ("globals()", "Globals calls are not allowed"),
        ("__import__('os')", "\"__import__\" is an invalid variable name because it starts with \"__\""),
        ("__builtins__", "\"__builtins__\" is an invalid variable name because it starts with \"__\""),
        ("__builtins__ = {}", "\"__builtins__\" is an invalid variable name because it starts with \"__\""),
        ("().__class__", "\"__class__\" is an invalid attribute name because it starts with \"__\""),
        ("x = (lambda: 0).__globals__", "\"__globals__\" is an invalid attribute name because it starts with \"__\""),
        ("print.__self__", "\"__self__\" is an invalid attribute name because it starts with \"__\""),
        ("(x for x in ()).gi_frame", "\"gi_frame\" is not allowed: it belongs to frame and code objects"),
        ("_getattr_ = None", "\"_getattr_\" is a reserved name"),
        ("def _write_(a, b): pass", "\"_write_\" is a reserved name"),
        ("class A(metaclass=type): pass", "The keyword argument \"metaclass\" is not allowed"),
        ("async def f(): pass", "async code is not allowed"),
        ("(await f).x = 1", "async code is not allowed"),
        ("def __getattr__(name): pass", "\"__getattr__\" is an invalid variable name because it starts with \"__\""),
        ("x = = 1", "SyntaxError: invalid syntax"),
        ("undefined_name", "NameError: name 'undefined_name' is not defined"),
        ("raise ValueError('at load')", "ValueError: at load"),
        ("raise SystemExit", "SystemExit"),
    ];
    for (line, rule) in cases {
        let source = format!("import math\n\n{line}\nclass Bot:\n    def on_init(self): pass\n");
        let (message, at, _) = bots.rejection(&source).await;
        assert_eq!((message.as_str(), at), (rule, Some(3)), "{line}");
    }
}

#[tokio::test]
async fn a_rejection_has_a_hint() {
    let bots = Bots::new();
    let (_, _, hint) = bots.rejection("import os\nimport json\nopen('x')").await;
    let hint = hint.unwrap();
    assert!(hint.contains("requests") && hint.contains("also line 3: Open calls are not allowed"), "{hint}");
    let (message, line, hint) = bots.rejection(&" ".repeat(300 << 10)).await;
    assert_eq!((message.as_str(), line, hint), ("the source is 307200 bytes; at most 262144", None, None));
    assert_eq!(bots.rejection("x = '\0'").await.0, "SyntaxError: source code string cannot contain null bytes");
    let nested = format!("x = {}1{}", "-(".repeat(5000), ")".repeat(5000));
    assert!(bots.rejection(&nested).await.0.contains("too"), "{:?}", bots.rejection(&nested).await);
}

#[tokio::test]
async fn violations_at_run_time_fail_the_hook() {
    let bots = Bots::new();
    let cases = [
        ("getattr((), '__cla' + 'ss__')", "AttributeError: \"__class__\" is an invalid attribute name"),
        ("setattr(self, '__class__', int)", "AttributeError: \"__class__\" can't be assigned"),
        ("'{0.__class__}'.format(1)", "AttributeError: \"__class__\""),
        ("str.format('{0.__class__}', 1)", "AttributeError: \"__class__\""),
        ("'{x.__class__}'.format_map({'x': 1})", "AttributeError: \"__class__\""),
        ("import string; string.Formatter().format('{0.__class__}', 1)", "AttributeError: \"__class__\""),
        ("import operator; operator.attrgetter('__class__')(1)", "AttributeError: \"__class__\""),
        ("import random; random._os", "AttributeError: \"_os\" is a private name"),
        ("import random; random.x = 1", "TypeError: attribute 'x' of 'random' can't be changed"),
        (
            "import json; json.JSONEncoder.default = 1",
            "TypeError: attribute 'default' of 'JSONEncoder' can't be changed",
        ),
        ("import json; json.dumps.x = 1", "TypeError: attribute 'x' of 'dumps' can't be changed"),
        ("import json; json.codecs", "AttributeError: module 'json' has no attribute 'codecs'"),
        ("import sys; sys.modules", "AttributeError: module 'sys' has no attribute 'modules'"),
        ("import traceback; traceback.linecache", "AttributeError: module 'traceback' has no attribute 'linecache'"),
        ("import typing; typing.get_type_hints", "AttributeError: module 'typing' has no attribute 'get_type_hints'"),
        ("from json import codecs", "ImportError: cannot import name 'codecs' from 'json'"),
        ("from urllib.request import os", "ImportError: cannot import name 'os' from 'urllib.request'"),
        ("self.ctx.x = 1", "AttributeError: 'Context' object has no attribute 'x'"),
        ("self.ctx._facts", "AttributeError: \"_facts\" is a private name of 'Context' objects"),
        ("self.ctx.players = []", "AttributeError: property 'players' of 'Context' object has no setter"),
        ("int.x = 1", "TypeError: attribute 'x' of 'int' can't be changed"),
        ("import io; io.open('/etc/passwd')", "PermissionError: '/etc/passwd' is outside ctx.workspace"),
        ("import io; io.open('../../x', 'w')", "PermissionError: '../../x' is outside ctx.workspace"),
        (
            "import urllib.request; urllib.request.urlopen('file:///etc/passwd')",
            // Where the sandbox has a root of its own, the file is missing; elsewhere the audit hook refuses it.
            "URLError: <urlopen error ",
        ),
        (
            "import socket; socket.create_connection(('127.0.0.1', 80))",
            "ConnectionRefusedError: bots have no network on this relay",
        ),
        (
            "import socket; socket.gethostbyname('localhost')",
            "ConnectionRefusedError: bots have no network on this relay",
        ),
        (
            "import urllib.request; urllib.request.urlopen('http://localhost')",
            "URLError: <urlopen error bots have no network on this relay>",
        ),
        ("import urllib3; urllib3.PoolManager(retries=False).request('GET', 'http://localhost')", "NewConnectionError"),
        (
            "import http.client; http.client.HTTPSConnection('localhost').request('GET', '/')",
            "ConnectionRefusedError: bots have no network on this relay",
        ),
    ];
    let (source, lines) = bot_of_cases(cases.map(|(statement, _)| statement));
    bots.inspect(&source).await.unwrap();
    for (number, (statement, reason)) in cases.into_iter().enumerate() {
        let report = bots.run(&source, on_message(&number.to_string())).await;
        let (text, line, kind) = report.failure();
        assert!(text.starts_with(reason), "{statement}: {text}");
        assert_eq!((line, kind), (Some(lines[number]), FailureKind::Error), "{statement}");
    }
}

#[tokio::test]
async fn a_refused_import_can_be_caught() {
    let source = init_bot(
        "try:
    import os
except ImportError as error:
    out.append(str(error))",
    );
    assert_posts(&source, json!(["Import of 'os' is not allowed"])).await;
}
