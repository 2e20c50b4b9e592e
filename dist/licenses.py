"""Prints the licences of the Rust crates that the programs contain, as their licences require.

    dist/licenses.py > LICENSES-OF-DEPENDENCIES.txt
"""

import json
import subprocess
import sys
from pathlib import Path

PROGRAMS = ["mcp-multiplayer", "mcp-multiplayer-relay", "mcp-multiplayer-bot"]
NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT")


def linked_packages(metadata):
    """Returns the packages that are in one of the programs; neither build scripts' dependencies nor those of tests."""
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting = [key for key, package in packages.items() if package["name"] in PROGRAMS]
    found = set()
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        found.add(key)
        for dependency in nodes[key]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return sorted((packages[key] for key in found), key=lambda package: (package["name"], package["version"]))


def main():
    host = next(line.split()[1] for line in subprocess.check_output(["rustc", "-vV"], text=True).splitlines()
                if line.startswith("host:"))
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    metadata = json.loads(subprocess.check_output(command))
    texts = {}
    for package in linked_packages(metadata):
        if package["source"] is None:
            continue
        name = f"{package['name']} {package['version']} ({package['license'] or 'see its text'})"
        folder = Path(package["manifest_path"]).parent
        # A C library in a folder has a licence of its own.
        files = sorted(path for pattern in ("*", "*/*") for path in folder.glob(pattern)
                       if path.is_file() and path.name.upper().startswith(NAMES))
        if not files:
            print(f"{name}: the package contains no text of its licence", file=sys.stderr)
        for text in [path.read_text(errors="replace").strip() for path in files] or ["(see its name)"]:
            texts.setdefault(text, []).append(name)
    for text, names in texts.items():
        print("=" * 100, *names, "=" * 100, text, "", sep="\n")


if __name__ == "__main__":
    main()
