"""Adds the native program to the wheel, and names the platform that it is for. It works with every Python."""

import os
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Program(BuildHookInterface):
    def initialize(self, version, build_data):
        [program] = Path(self.root, "program").iterdir()
        # A script as it is, not a Python script that starts it.
        build_data["shared_scripts"] = {str(program): program.name}
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{os.environ['WHEEL_PLATFORM']}"
