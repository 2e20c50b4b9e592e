# make demo      starts a relay and two players, plays a whole game, and verifies its outcome
# make test      runs all tests except those of `interop` and `fresh`
# make release   builds the programs for daily use, in target/release
# make relay     builds them, and runs a relay
# make bench     measures performance on this machine, and prints a table of figures with their targets (PEER=path also
#                measures a checkout of the original Python system, whose packages it installs from PyPI;
#                MCP_REMOTE=path also measures that program, as a bridge in the place of the stdio server)
# make interop   runs other people's software against the relay: the MCP conformance suite, SDKs, Claude Code,
#                opencode, Codex, Gemini CLI and others, a browser with MCP Apps, schemathesis; installs them from npm
#                and PyPI (PEERS=cli runs one group)
# make fresh     runs `demo` and `test` on a bare Debian that debootstrap installs (SUITE=bookworm or trixie; needs root)
# make dist      builds the packages of a release: tarball, .deb, MCP bundle, npm package and wheel (docs/INSTALLING.md)
# make dist-test installs these packages on bare Debian 12 and 13, and plays a game with each
#                (SUITES=trixie and PACKAGES=deb select; needs root)
# make vectors   writes the golden vectors anew, after a change of the log's format: protocol/tests/vectors, tests/vectors
# make lint      checks formatting, lints and documentation, as .ci/run does
# make setup     installs the Python environment that bots run in; the other targets do this when needed

# Builds the stdio server as the packages contain it, in the place of that of `cargo build --release`. It is built on its own:
# with the whole workspace it would get what only other programs use of its dependencies.
define SMALL_SERVER
cargo build --profile small --package mcp-multiplayer
install -m 755 target/small/mcp-multiplayer target/release/
endef

.PHONY: help demo test release relay bench interop fresh dist dist-test vectors lint setup clients tools
.DEFAULT_GOAL := help

PYTHON_ENV := .venv/bin/python
CLIENTS_ENV := .venv-clients/bin/python
# rustup installs cargo here; a shell that was opened before that does not have it on its PATH.
export PATH := $(PATH):$(HOME)/.cargo/bin

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

tools:
	@command -v cargo >/dev/null || { printf '%s\n' \
	  'Rust is missing: cargo is not on the PATH.' \
	  '  Install Rust 1.91 or newer with the command that https://rustup.rs shows.' \
	  '  Then run make again.' >&2; exit 1; }
	@rustc --version | awk '{ split($$2, v, "."); exit !(v[1] > 1 || v[2] >= 91) }' || { printf '%s\n' \
	  "Rust is too old: $$(rustc --version). This project needs 1.91 or newer." \
	  '  If rustup installed it:          rustup update stable' \
	  '  If it is a system package:       install Rust from https://rustup.rs instead' >&2; exit 1; }
	@printf '#include <stdio.h>\nint main(void) { return puts(""); }\n' | cc -x c -o /dev/null - 2>/dev/null || { printf '%s\n' \
	  'A C compiler that can link programs is missing. It is needed to link Rust programs and to build SQLite.' \
	  '  Debian, Ubuntu   sudo apt install gcc libc6-dev' \
	  '  Fedora           sudo dnf install gcc' \
	  '  macOS            xcode-select --install' >&2; exit 1; }
	@command -v python3 >/dev/null || [ -n "$$PYTHON" ] || { printf '%s\n' \
	  'Python is missing. Bots run in an embedded CPython, version 3.11 to 3.13.' \
	  '  Debian, Ubuntu   sudo apt install python3-dev python3-venv' \
	  '  Fedora           sudo dnf install python3-devel' \
	  '  macOS            brew install python@3.13' >&2; exit 1; }

# The script reports what an unsuitable Python lacks: version, headers, shared library, venv.
setup: tools
	@sh bots/python/setup.sh

# The demo and the tests of real clients use an environment of their own, from which bots can import nothing.
clients: setup
	@sh examples/demo/setup.sh

demo: clients
	@bash examples/demo/build.sh
	@echo 'Starting a relay and two players.'
	@$(CLIENTS_ENV) examples/demo/demo.py --bin-dir target/debug

# The Rust tests run last, so that the output ends with their summary.
test: clients
	$(PYTHON_ENV) -m unittest discover --start-directory bots/python/tests
	cargo build --workspace --bins
	$(CLIENTS_ENV) -m unittest discover --start-directory tests/python
	@if cargo nextest --version >/dev/null 2>&1; then \
	  echo cargo nextest run --workspace --no-fail-fast; cargo nextest run --workspace --no-fail-fast; \
	else \
	  echo cargo test --workspace --no-fail-fast; cargo test --workspace --no-fail-fast; \
	fi

release: setup
	cargo build --release --workspace --bin mcp-multiplayer-relay --bin mcp-multiplayer-bot
	$(SMALL_SERVER)

relay: release
	target/release/mcp-multiplayer-relay

bench: setup
	cargo build --release --workspace
	$(SMALL_SERVER)
	PEER='$(PEER)' MCP_REMOTE='$(MCP_REMOTE)' target/release/bench

interop: clients
	cargo build --workspace --bins
	@CLIENTS='$(CLIENTS)' sh tests/interop/run.sh $(PEERS)

fresh:
	bash tests/fresh/run.sh

dist: clients
	@bash dist/build.sh

dist-test:
	@bash dist/test.sh $(PACKAGES)

vectors: clients
	MULTIPLAYER_WRITE_VECTORS=1 cargo test --quiet -p mcp-multiplayer-protocol --test vectors --test rules --test constructions -- rewritten
	cargo build -p mcp-multiplayer-bot --bins
	MULTIPLAYER_WRITE_VECTORS=1 $(CLIENTS_ENV) tests/python/replay_vectors.py

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps
