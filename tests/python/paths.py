"""Paths of the checkout and of the built programs; makes the modules of examples/demo importable."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BIN_DIR = ROOT / os.environ.get("MCP_MULTIPLAYER_BIN_DIR", "target/debug")

sys.path.insert(0, str(ROOT / "examples/demo"))
