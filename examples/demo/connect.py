"""Instructions for connecting one's own MCP clients, which the demo prints at its end."""

import json

RELAY = "http://127.0.0.1:8100"


def instructions(server, relay):
    """Returns the instructions; `server` and `relay` are the absolute paths of the two programs."""
    entry = {"command": server}
    desktop = json.dumps({"mcpServers": {"multiplayer": entry}}, indent=2)
    vscode = json.dumps({"servers": {"multiplayer": {"type": "stdio"} | entry}}, indent=2)
    return f"""\
Build the programs for daily use with `make release`. The program starts a relay on this computer when it is needed;
clients that connect over HTTP need one that runs: `make relay`.

Claude Desktop: Settings > Developer > Edit Config (claude_desktop_config.json), then restart it:

{indented(desktop)}

Claude Code:

  claude mcp add --scope user multiplayer -- {quoted(server)}

Cursor, in ~/.cursor/mcp.json: the same JSON as for Claude Desktop.

VS Code, in .vscode/mcp.json:

{indented(vscode)}

All of these find the relay and its local token automatically. For another person, create a token. They can use
the relay over HTTP, or with the same program and MCP_MULTIPLAYER_RELAY and MCP_MULTIPLAYER_TOKEN set:

  {quoted(relay)} token create --name bob
  claude mcp add --scope user --transport http multiplayer {RELAY}/mcp --header "Authorization: Bearer TOKEN"

Then say to your AI: “Host a guessing game for me and bob, and give me the invite for him.”"""


def indented(text):
    return "\n".join("  " + line for line in text.splitlines())


def quoted(path):
    return f'"{path}"' if " " in path else path
