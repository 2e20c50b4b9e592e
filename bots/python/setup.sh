#!/bin/sh
# Makes `.venv` at the root of the checkout: the Python environment that bots run in, pinned by hashes.
# Safe to repeat; returns at once when nothing has changed. PYTHON=/path/to/python3 selects the Python to use.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
venv="$root/.venv"
lock="$root/bots/python/requirements.txt"
stamp="$venv/.installed-requirements.txt"

if [ -x "$venv/bin/python" ] && cmp -s "$lock" "$stamp"; then
    exit 0
fi

# Prints why a Python cannot be embedded or cannot make an environment; prints nothing if it is suitable.
problems_of() {
    "$1" - <<'PY' 2>/dev/null || echo "does not run"
import os, sys, sysconfig
v = sysconfig.get_config_var
lacks = []
if sys.implementation.name != "cpython":
    lacks.append("it is not CPython")
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    lacks.append("it is version %d.%d, but 3.11 to 3.13 is needed" % sys.version_info[:2])
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
        *) problem=$(problems_of "$path") ;;
    esac
    case "$seen" in *"
  $path: "*) continue ;; esac
    if [ -z "$problem" ]; then
        chosen=$path
        break
    fi
    seen="$seen
  $path: $problem"
done

if [ -z "$chosen" ]; then
    cat >&2 <<MSG
Bots run in an embedded CPython, version 3.11 to 3.13. No suitable one was found.${seen:+
Examined:$seen}

  Debian, Ubuntu   sudo apt install python3-dev python3-venv
  Fedora           sudo dnf install python3-devel
  macOS            brew install python@3.13

Then run this again, or select one: PYTHON=/path/to/python3 $0
MSG
    exit 1
fi

echo "Creating .venv with $chosen, for the Python packages that bots may use. They are downloaded once."
before=$(cat "$venv/pyvenv.cfg" 2>/dev/null || true)
rm -rf "$venv"
"$chosen" -m venv "$venv"
# The worker is linked to the Python that it was built with. Cargo does not notice that .venv now has another Python, so
# the crates that depend on it must be built again.
if [ -n "$before" ] && [ "$before" != "$(cat "$venv/pyvenv.cfg")" ]; then
    for profile in dev release; do
        (cd "$root" && cargo clean --quiet --profile "$profile" -p pyo3-build-config -p pyo3-ffi -p pyo3 -p mcp-multiplayer-bot)
    done
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: --requirement "$lock"
"$venv/bin/python" -c 'import ssl, RestrictedPython, requests'
cp "$lock" "$stamp"
