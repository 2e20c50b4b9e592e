#!/usr/bin/env bash
# Packs target/dist/stage as a tarball that runs from any directory.
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

[ -d "$stage" ] || fail 'Run dist/programs.sh first.'
name=mcp-multiplayer-$version-$machine-linux
tar --create --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=posix \
  --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --transform "s,^\.,$name,S" --directory "$stage" . |
  gzip --no-name --best >"$out/packages/$name.tar.gz"
du -h "$out/packages/$name.tar.gz"
