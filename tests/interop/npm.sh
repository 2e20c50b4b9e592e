#!/bin/sh
# Installs the packages of a peer: `npm.sh PEER`. Takes what PEER/package-lock.json pins, and puts it under
# target/interop/PEER unless it is there already.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
peer=$1
from="$here/$peer"
to="$(cd "$here/../.." && pwd)/target/interop/$peer"

node=$(sh "$here/node.sh")
if ! cmp -s "$from/package-lock.json" "$to/installed.json"; then
  mkdir -p "$to"
  cp "$from/package.json" "$from/package-lock.json" "$to/"
  # Not `npm ci`: it insists on the binaries of every platform, which not every registry has.
  set -- npm install --prefix "$to" --no-save --ignore-scripts --no-audit --no-fund
  if ! PATH="$(dirname "$node"):$PATH" "$@"; then
    cat >&2 <<MSG
interop: the packages of the peer '$peer' could not be installed. The command that failed:
  $*
Make the npm registry reachable, and run this again.
MSG
    exit 1
  fi
  cp "$from/package-lock.json" "$to/installed.json"
fi
