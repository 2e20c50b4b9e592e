"""Replacements for modules that would give a bot access to the interpreter or to the file system."""

import dataclasses
import enum
import functools
import io
import operator
import os
import string
import sys
import traceback
import typing
import warnings
import zoneinfo
from types import FunctionType

from multiplayer import names
from multiplayer.guards import Formatter, guarded_getattr
from multiplayer.modules import public_names, replace


def install(log, filename):
    """Registers the facades: output goes to `log`, and tracebacks show only `filename`."""
    replace("sys", lambda: _sys(log))
    replace("traceback", lambda: _traceback(log, filename))
    replace("warnings", lambda: _warnings(log))
    replace("typing", lambda: _without(typing, "get_type_hints", "ForwardRef", "evaluate_forward_ref"))
    replace("string", lambda: public_names(string) | {"Formatter": Formatter})
    replace("operator", _operator)
    replace("functools", _functools)
    replace("dataclasses", _dataclasses)
    # Left out: global_enum writes into other modules, and reset_tzpath makes zoneinfo read any directory.
    replace("enum", lambda: _without(enum, "global_enum"))
    replace("zoneinfo", lambda: _without(zoneinfo, "reset_tzpath"))


def install_files(workspace):
    """Registers the facade that opens files, under `workspace`."""
    replace("io", lambda: _io(workspace))


def _without(module, *excluded):
    return {name: value for name, value in public_names(module).items() if name not in excluded}


def _sys(log):
    unchanged = """
        version version_info hexversion implementation platform byteorder maxsize maxunicode float_info int_info
        hash_info float_repr_style getrecursionlimit getsizeof intern exit exc_info copyright api_version
    """
    found = {name: getattr(sys, name) for name in unchanged.split()}
    return found | {"argv": [], "stdout": log, "stderr": log}


def _io(workspace):
    real_open = io.open
    root = os.path.realpath(workspace)

    def open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None):
        """Opens a file under ctx.workspace; relative names start there."""
        path = os.path.realpath(os.path.join(root, os.fspath(file)))
        if path != root and not path.startswith(root + os.sep):
            raise PermissionError(f"{file!r} is outside ctx.workspace")
        return real_open(path, mode, buffering, encoding, errors, newline)

    return _without(io, "FileIO", "open_code", "OpenWrapper") | {"open": open}


def _traceback(log, filename):
    def bot_frames_only(error):
        # Frames of the runtime and the libraries mean nothing to an author.
        summary = traceback.TracebackException.from_exception(error)
        link = summary
        while link is not None:
            link.stack = traceback.StackSummary.from_list([frame for frame in link.stack if frame.filename == filename])
            link = link.__cause__ or link.__context__
        return summary

    def format_exception(exc, value=None, tb=None, limit=None, chain=True):
        return list(bot_frames_only(exc if value is None else value).format(chain=chain))

    def format_exc(limit=None, chain=True):
        error = sys.exc_info()[1]
        return "NoneType: None\n" if error is None else "".join(format_exception(error, chain=chain))

    def print_exc(limit=None, file=None, chain=True):
        (log if file is None else file).write(format_exc(limit, chain))

    def print_exception(exc, value=None, tb=None, limit=None, file=None, chain=True):
        (log if file is None else file).write("".join(format_exception(exc, value, chain=chain)))

    return {
        "format_exception": format_exception,
        "format_exception_only": traceback.format_exception_only,
        "format_exc": format_exc,
        "print_exc": print_exc,
        "print_exception": print_exception,
    }


def _warnings(log):
    def warn(message, category=UserWarning, stacklevel=1, source=None):
        kind = type(message) if isinstance(message, Warning) else category
        log.write(f"{kind.__name__}: {message}\n")

    def ignore(*args, **kwargs):
        """Does nothing: a bot's warnings always go to its log, unfiltered."""

    class catch_warnings:
        def __init__(self, *, record=False, **kwargs):
            self.record = record

        def __enter__(self):
            return [] if self.record else None

        def __exit__(self, *details):
            return False

    return {
        "warn": warn,
        "simplefilter": ignore,
        "filterwarnings": ignore,
        "resetwarnings": ignore,
        "catch_warnings": catch_warnings,
    }


def _operator():
    def attrgetter(*paths):
        def follow(value, path):
            for name in path.split("."):
                value = guarded_getattr(value, name)
            return value

        if len(paths) == 1:
            return lambda value: follow(value, paths[0])
        return lambda value: tuple(follow(value, path) for path in paths)

    def methodcaller(name, /, *args, **kwargs):
        return lambda value: guarded_getattr(value, name)(*args, **kwargs)

    return public_names(operator) | {"attrgetter": attrgetter, "methodcaller": methodcaller}


def _functools():
    copied = functools.WRAPPER_ASSIGNMENTS

    def update_wrapper(wrapper, wrapped, assigned=copied, updated=functools.WRAPPER_UPDATES):
        # The real function reads and writes any attribute that it is given, bypassing the guards.
        assigned = [name for name in assigned if type(name) is str and name in copied]
        is_own = type(wrapped) is FunctionType and wrapped.__module__ == names.BOT_MODULE
        return functools.update_wrapper(wrapper, wrapped, assigned, functools.WRAPPER_UPDATES if is_own else ())

    def wraps(wrapped, assigned=copied, updated=functools.WRAPPER_UPDATES):
        return functools.partial(update_wrapper, wrapped=wrapped, assigned=assigned)

    def singledispatch(function):
        dispatched = functools.singledispatch(function)
        register = dispatched.register

        def checked_register(cls, func=None):
            if func is None and not isinstance(cls, type):
                # singledispatch evaluates annotations that are strings, which would bypass the policy.
                found = [hint for name, hint in getattr(cls, "__annotations__", {}).items() if name != "return"]
                if not found or not isinstance(found[0], type):
                    raise TypeError("register takes the class as an argument: @function.register(int)")
                cls, func = found[0], cls
            return register(cls, func)

        dispatched.register = checked_register
        return dispatched

    class singledispatchmethod:
        def __init__(self, func):
            self.func = func
            self.dispatcher = singledispatch(func)

        def register(self, cls, method=None):
            return self.dispatcher.register(cls, method)

        def __get__(self, instance, owner=None):
            def method(*args, **kwargs):
                return self.dispatcher.dispatch(type(args[0])).__get__(instance, owner)(*args, **kwargs)

            return method

    return public_names(functools) | {
        "update_wrapper": update_wrapper,
        "wraps": wraps,
        "singledispatch": singledispatch,
        "singledispatchmethod": singledispatchmethod,
    }


def _dataclasses():
    def check_names(found):
        # dataclasses builds source code from field names and executes it, which would bypass the policy.
        for name in found:
            if type(name) is not str or not name.isidentifier():
                raise TypeError(f"field names must be valid identifiers, not {name!r:.60}")

    def dataclass(cls=None, /, **options):
        if cls is None:
            return lambda cls: dataclass(cls, **options)
        for base in type.mro(cls):
            check_names(vars(base).get("__annotations__", ()))
            check_names(field.name for field in vars(base).get("__dataclass_fields__", {}).values())
        return dataclasses.dataclass(cls, **options)

    def make_dataclass(cls_name, fields, **options):
        fields = [field if type(field) is str else tuple(field) for field in fields]
        check_names(field if type(field) is str else field[0] for field in fields)
        return dataclasses.make_dataclass(cls_name, fields, **options)

    return public_names(dataclasses) | {"dataclass": dataclass, "make_dataclass": make_dataclass}
