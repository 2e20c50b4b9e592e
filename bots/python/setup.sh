#!/bin/sh
# Makes `.venv` at the root of the checkout: the Python that bots run in, pinned and hashed.
# Safe to repeat; returns at once when nothing changed. PYTHON=/path/to/python3 chooses another base.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
venv="$root/.venv"
lock="$root/bots/python/requirements.txt"
stamp="$venv/.installed-requirements.txt"

if [ -x "$venv/bin/python" ] && cmp -s "$lock" "$stamp"; then
    exit 0
fi

# Prints what a Python lacks to be embedded and to make an environment; nothing when it will do.
lacks() {
    "$1" - <<'PY' 2>/dev/null || echo "does not run"
import os, sys, sysconfig
v = sysconfig.get_config_var
lacks = []
if sys.implementation.name != "cpython":
    lacks.append("it is not CPython")
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    lacks.append("it is version %d.%d, wanted is 3.11 to 3.13" % sys.version_info[:2])
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    lacks.append("its headers (Python.h) are missing")
framework = v("PYTHONFRAMEWORK")
names = [n for n in (v("INSTSONAME"), v("LDLIBRARY")) if n]
places = [p for p in (v("LIBDIR"), v("LIBPL"), v("PYTHONFRAMEWORKPREFIX")) if p]
shared = any(os.path.exists(os.path.join(p, n)) for p in places for n in names if not n.endswith(".a"))
if not (framework or (v("Py_ENABLE_SHARED") and shared)):
    lacks.append("its shared library (libpython) is missing")
try:
    import ensurepip, venv
except ImportError:
    lacks.append("its venv module is missing")
print("; ".join(lacks))
PY
}

chosen=
seen=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 /usr/bin/python3 /opt/homebrew/bin/python3 /usr/local/bin/python3}; do
    path=$(command -v "$candidate" 2>/dev/null) || path=
    case "$path" in
        "") [ "$candidate" = "${PYTHON:-}" ] || continue; path=$candidate; problem="not found" ;;
        *) problem=$(lacks "$path") ;;
    esac
    if [ -z "$problem" ]; then
        chosen=$path
        break
    fi
    seen="$seen
  $path: $problem"
done

if [ -z "$chosen" ]; then
    cat >&2 <<MSG
Bots run in an embedded CPython 3.11 to 3.13, and none was found that can be embedded.${seen:+
Looked at:$seen}

  Debian, Ubuntu   sudo apt install gcc python3-dev python3-venv
  Fedora           sudo dnf install gcc python3-devel
  macOS            brew install python@3.13

Then run this again, or name one: PYTHON=/path/to/python3 $0
MSG
    exit 1
fi

echo "bots: making .venv with $chosen"
rm -rf "$venv"
"$chosen" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: --requirement "$lock"
"$venv/bin/python" -c 'import ssl, RestrictedPython, requests'
cp "$lock" "$stamp"
