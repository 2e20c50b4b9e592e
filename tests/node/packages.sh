#!/bin/sh
# packages.sh FROM TO: installs what FROM/package-lock.json pins under TO, unless it is there.
set -eu

from=$1 to=$2
node=$(sh "$(dirname "$0")/node.sh")
if ! cmp -s "$from/package-lock.json" "$to/installed.json"; then
  mkdir -p "$to"
  cp "$from/package.json" "$from/package-lock.json" "$to/"
  PATH="$(dirname "$node"):$PATH" npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund
  cp "$from/package-lock.json" "$to/installed.json"
fi
