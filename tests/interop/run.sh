#!/bin/sh
# Runs other people's software against the relay, and reports each peer: `tests/interop/run.sh [PEER...]`.
#
#   conformance    the Model Context Protocol's conformance suite, with its tests of authorization servers (npm)
#   sdk            the official SDKs for Python and TypeScript (both versions), fastmcp, and the AI SDK's webhooks (npm, PyPI)
#   cli            Claude Code, opencode, Codex, Gemini CLI, mcporter and the Inspector over stdio, HTTP with a token and HTTP
#                  with OAuth, those with a model by a scripted one, and logins in a scripted browser (npm, 1.5 GB)
#   node           OAuth clients for Node: the official TypeScript SDK and mcp-remote (npm)
#   apps           a board in a chat: a host of MCP Apps in a headless Chromium (npm; needs Chromium)
#   schemathesis   valid, invalid and chained REST requests generated from /openapi.json (PyPI)
#
# Without arguments it runs all of them, also after one has failed. Peers are pinned by lock files and installed under
# target/interop; one that can't be installed has failed. `make interop` calls this after a build; the programs are
# taken from target/debug, or from $MCP_MULTIPLAYER_BIN_DIR.
set -u

here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.." || exit

programs=${MCP_MULTIPLAYER_BIN_DIR:-target/debug}
for program in mcp-multiplayer-relay mcp-multiplayer mcp-multiplayer-bot conformance; do
  [ -x "$programs/$program" ] || {
    echo "interop: $programs/$program is not built; run make interop, or cargo build --workspace --bins." >&2
    exit 1
  }
done
[ -x .venv-clients/bin/python ] || { echo 'interop: .venv-clients is missing; run sh examples/demo/setup.sh.' >&2; exit 1; }

failed=
summary=
for peer in ${*:-conformance sdk cli node apps schemathesis}; do
  if [ ! -f "$here/$peer/run.sh" ]; then
    echo "interop: there is no peer '$peer'; choose from conformance, sdk, cli, node, apps, schemathesis." >&2
    exit 2
  fi
  printf '\n== interop: %s\n' "$peer"
  began=$(date +%s)
  if sh "$here/$peer/run.sh"; then result=passed; else result=FAILED failed="$failed $peer"; fi
  summary="$summary
  $peer $result in $(($(date +%s) - began)) s"
done
printf '\ninterop:%s\n' "$summary"
[ -z "$failed" ] || { echo "interop: failed:$failed" >&2; exit 1; }
