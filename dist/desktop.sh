#!/usr/bin/env bash
# UNTESTED. Packs the stdio server for macOS or Windows: as an MCP bundle and as a wheel. Needs npm and Python.
#
#   dist/desktop.sh TARGET PLATFORM WHEEL_PLATFORM     such as aarch64-apple-darwin darwin macosx_11_0_arm64
#
# The program is the one that `cargo build --profile small --package mcp-multiplayer --target TARGET` has built.
set -euo pipefail
cd "$(dirname "$0")/.."

target=$1 platform=$2 wheel_platform=$3
export MACHINE=${target%%-*}
. dist/variables.sh

program=target/$target/small/mcp-multiplayer
[ "$platform" != win32 ] || program=$program.exe
mkdir -p "$out/packages"
python3 dist/licenses.py >"$licenses"
dist/mcpb.sh "$program" "$platform"
dist/wheel.sh "$program" "$wheel_platform"
