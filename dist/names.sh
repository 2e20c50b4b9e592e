# Names under which a release is published. Whoever publishes puts their own here; no other file contains them.
# Sourced by dist/variables.sh.
# shellcheck shell=bash disable=SC2034

# The repository, whose releases the entry in the MCP registry refers to.
repository=https://github.com/mcp-multiplayer/mcp-multiplayer
# The name in the MCP registry. For names that begin with io.github.OWNER/, the registry asks for a login of that owner.
registry_name=io.github.mcp-multiplayer/mcp-multiplayer
# The names of the packages on npm and PyPI. The registry looks for registry_name in both. The command is mcp-multiplayer in any
# case; for another name on PyPI, uvx needs `--from NAME mcp-multiplayer`.
npm_name=mcp-multiplayer
pypi_name=mcp-multiplayer
# The author of the MCP bundle, and the maintainer of the Debian package with an address for mail.
author='The mcp-multiplayer authors'
maintainer='mcp-multiplayer maintainers <maintainers@localhost>'
