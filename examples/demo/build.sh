#!/usr/bin/env bash
# Builds the programs and says how far it is. In a terminal cargo draws a bar by itself; elsewhere each crate is counted.
set -euo pipefail
cd "$(dirname "$0")/../.."

crates=$(cargo tree --workspace --edges normal,build --prefix none --no-dedupe --locked | sort -u | wc -l)
echo "Building the programs, about $crates crates. The first time takes some minutes."
if [ -t 2 ]; then
  cargo build --bins --locked
else
  cargo build --bins --locked 2>&1 | awk -v crates="$crates" '
    $1 == "Compiling" { printf "[%d of about %d] ", ++built, crates }
    { print; fflush() }'
fi
