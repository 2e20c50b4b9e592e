"""Makes the entry for the MCP registry, server.json, and checks it against its schema.

    dist/server_json.py VERSION PACKAGES SCHEMA > server.json

The names are the variables of dist/names.sh. SCHEMA may be empty: then nothing is checked. PACKAGES is a directory with the bundles (.mcpb) of this release, which the entry names with their hashes.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import jsonschema

REPOSITORY = os.environ["repository"]
VARIABLES = [
    {"name": "MCP_MULTIPLAYER_RELAY", "description": "Address of the relay; none for the relay of this computer",
     "format": "string", "placeholder": "wss://relay.example.org"},
    {"name": "MCP_MULTIPLAYER_TOKEN", "description": "Token for the relay; none for that of this computer, or to log in",
     "format": "string", "isSecret": True},
]


def entry(version, bundles):
    common = {"transport": {"type": "stdio"}, "environmentVariables": VARIABLES}
    packages = [
        {"registryType": "npm", "registryBaseUrl": "https://registry.npmjs.org", "identifier": os.environ["npm_name"],
         "version": version, "runtimeHint": "npx", **common},
        {"registryType": "pypi", "registryBaseUrl": "https://pypi.org", "identifier": os.environ["pypi_name"],
         "version": version, "runtimeHint": "uvx", **common},
    ]
    # What a bundle asks its user is in its own manifest.
    packages += [
        {"registryType": "mcpb", "identifier": f"{REPOSITORY}/releases/download/v{version}/{bundle.name}",
         "fileSha256": hashlib.sha256(bundle.read_bytes()).hexdigest(), "transport": {"type": "stdio"}}
        for bundle in bundles]
    return {
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": os.environ["registry_name"],
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
