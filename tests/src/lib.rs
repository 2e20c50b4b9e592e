//! Tests of mcp-multiplayer as a whole. They are in `tests/`, one file for each behaviour.
