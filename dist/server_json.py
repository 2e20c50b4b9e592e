"""Makes the entry for the MCP registry, server.json, and checks it against its schema.

    dist/server_json.py PACKAGES SCHEMA > server.json

PACKAGES is a directory with the bundles (.mcpb) of this release, which the entry names with their hashes.
"""

import hashlib
import json
import sys
from pathlib import Path

import jsonschema

NAME = "io.github.mcp-multiplayer/mcp-multiplayer"
REPOSITORY = "https://github.com/mcp-multiplayer/mcp-multiplayer"
VARIABLES = [
    {"name": "MCP_MULTIPLAYER_RELAY", "description": "Address of the relay", "format": "string",
     "default": "ws://127.0.0.1:8100", "placeholder": "wss://relay.example.org"},
    {"name": "MCP_MULTIPLAYER_TOKEN", "description": "Token for the relay; none for a relay of your own on this machine",
     "format": "string", "isSecret": True},
]


def entry(version, bundles):
    common = {"transport": {"type": "stdio"}, "environmentVariables": VARIABLES}
    packages = [
        {"registryType": "npm", "registryBaseUrl": "https://registry.npmjs.org", "identifier": "mcp-multiplayer",
         "version": version, "runtimeHint": "npx", **common},
        {"registryType": "pypi", "registryBaseUrl": "https://pypi.org", "identifier": "mcp-multiplayer",
         "version": version, "runtimeHint": "uvx", **common},
    ]
    # What a bundle asks its user is in its own manifest.
    packages += [
        {"registryType": "mcpb", "identifier": f"{REPOSITORY}/releases/download/v{version}/{bundle.name}",
         "fileSha256": hashlib.sha256(bundle.read_bytes()).hexdigest(), "transport": {"type": "stdio"}}
        for bundle in bundles]
    return {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": NAME,
        "title": "MCP Multiplayer",
        "description": "Your AI assistant meets mine, with a referee whose decisions both of us can check.",
        "version": version,
        "repository": {"url": REPOSITORY, "source": "github"},
        "packages": packages,
    }


def main():
    version, packages, schema = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    result = entry(version, sorted(packages.glob("*.mcpb")))
    if schema:
        validator = jsonschema.validators.validator_for(json.loads(Path(schema).read_text()))
        validator(json.loads(Path(schema).read_text()), format_checker=validator.FORMAT_CHECKER).validate(result)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
