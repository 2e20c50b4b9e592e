#!/usr/bin/env bash
# Builds the programs and puts them into target/dist/stage, with the bundled Python from dist/python.sh.
#
#   bin/mcp-multiplayer, bin/mcp-multiplayer-relay
#   bin/mcp-multiplayer-bot          a link, so that the relay finds it beside itself
#   lib/mcp-multiplayer/             the program mcp-multiplayer-bot, and beside it its Python
#   share/doc/mcp-multiplayer/       documentation and licences
#
# target/release/mcp-multiplayer-bot is then the one of a release, which needs the Python beside it; `make relay` builds the
# usual one again. QUICK=1 takes debug builds instead, to try these scripts.
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

[ -x "$out/python/bin/python3" ] || fail 'Run dist/python.sh first.'
python_version=$(basename "$(echo "$out"/python/lib/python3.*)")
mkdir -p "$out/link"
ln -sf "$out/python/lib/lib$python_version.so.1.0" "$out/link/lib$python_version.so"
# The worker is linked to the bundled Python, not to the one of this machine.
cat >"$out/pyo3-config.txt" <<CONFIG
implementation=CPython
version=${python_version#python}
shared=true
lib_name=$python_version
lib_dir=$out/link
pointer_width=64
CONFIG
export MCP_MULTIPLAYER_BUNDLED_PYTHON=1 PYO3_CONFIG_FILE=$out/pyo3-config.txt
if [ -n "${QUICK:-}" ]; then
  cargo build --locked --workspace --bin mcp-multiplayer --bin mcp-multiplayer-relay --bin mcp-multiplayer-bot
  server=target/debug programs=target/debug
else
  cargo build --release --locked --workspace --bin mcp-multiplayer-relay --bin mcp-multiplayer-bot
  # On its own: with the whole workspace it would get what only other programs use of its dependencies.
  cargo build --profile small --locked --package mcp-multiplayer
  server=target/small programs=target/release
fi

rm -rf "$stage"
mkdir -p "$stage/bin" "$stage/lib/mcp-multiplayer" "$stage/share/doc/mcp-multiplayer"
install -m 755 $server/mcp-multiplayer $programs/mcp-multiplayer-relay "$stage/bin/"
install -m 755 $programs/mcp-multiplayer-bot "$stage/lib/mcp-multiplayer/"
ln -s ../lib/mcp-multiplayer/mcp-multiplayer-bot "$stage/bin/mcp-multiplayer-bot"
cp --recursive "$out/python" "$stage/lib/mcp-multiplayer/python"
python3 dist/licenses.py >"$licenses"
install -m 644 README.md LICENSE-MIT LICENSE-APACHE docs/*.md "$licenses" "$stage/share/doc/mcp-multiplayer/"
chmod -R u+w,go+rX,go-w "$stage"
dist/check_glibc.sh "$stage"
