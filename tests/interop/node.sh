#!/bin/sh
# Prints the path of Node 24 or newer, which mcporter needs: the machine's own, or one that npm installs into target/interop/nodejs.
set -eu

home="$(cd "$(dirname "$0")/../.." && pwd)/target/interop/nodejs"
version=24.21.0

command -v npm >/dev/null || {
  cat >&2 <<'MSG'
interop: all peers but 'schemathesis' need npm, which is missing.
  Debian, Ubuntu   sudo apt install npm
  others           https://nodejs.org has it, together with Node
MSG
  exit 1
}

found=$(node --version 2>/dev/null || echo none)
major=${found#v}
major=${major%%.*}
if [ "$major" != none ] && [ "$major" -ge 24 ]; then
  command -v node
  exit
fi
node="$home/node_modules/node/bin/node"
if [ "$("$node" --version 2>/dev/null)" != "v$version" ]; then
  mkdir -p "$home"
  set -- npm install --prefix "$home" --no-save --no-package-lock --no-audit --no-fund "node@$version"
  if ! "$@" >&2; then
    cat >&2 <<MSG
interop: all peers but 'schemathesis' need Node 24 or newer; this machine has: $found.
The npm package of Node $version could not be installed. The command that failed:
  $*
Install Node 24 or newer (https://nodejs.org), or make the npm registry reachable, and run this again.
MSG
    exit 1
  fi
fi
echo "$node"
