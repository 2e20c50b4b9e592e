#!/bin/sh
# Installs the host of MCP Apps, and runs test_apps.py in a headless Chromium.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)

chromium=${CHROMIUM:-}
for name in chromium chromium-browser google-chrome; do
  [ -n "$chromium" ] || chromium=$(command -v "$name" || true)
done
[ -n "$chromium" ] || {
  cat >&2 <<'MSG'
interop: the peer 'apps' needs Chromium, which is missing.
  Debian           sudo apt install chromium
  others           install Chromium or Chrome, and give its path as CHROMIUM=...
MSG
  exit 1
}

node=$(sh "$here/../node.sh")
sh "$here/../npm.sh" apps
NODE="$node" CHROMIUM="$chromium" exec "$root/.venv-clients/bin/python" -m unittest discover --verbose --start-directory "$here"
