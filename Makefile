# make demo    two players, one relay, one referee: a whole game, checked
# make test    everything that is tested
# make relay   a relay for daily use
# make bench   the figures, measured here
# make schemathesis   the REST door, tried with what its description allows and forbids
# make conformance   the protocol's own test suite, which npm fetches
# make fresh   demo and test on a bare Debian, which debootstrap makes (SUITE=bookworm or trixie; needs root)
# make node-clients   OAuth clients of others, which npm fetches
# make lint    what .ci/run demands of the code, without the tests
# make setup   the Python environment that bots run in; the others do this by themselves

.PHONY: help demo test relay bench schemathesis conformance node-clients fresh lint setup clients tools
.DEFAULT_GOAL := help

PYTHON_ENV := .venv/bin/python
CLIENTS_ENV := .venv-clients/bin/python
# Where rustup puts cargo, for a shell that was open before.
export PATH := $(PATH):$(HOME)/.cargo/bin

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

tools:
	@command -v cargo >/dev/null || { printf '%s\n' \
	  'Rust is missing: there is no cargo on the PATH.' \
	  '  https://rustup.rs has the one line that installs it (1.91 or newer).' \
	  '  Then open a new shell and run make again.' >&2; exit 1; }
	@rustc --version | awk '{ split($$2, v, "."); exit !(v[1] > 1 || v[2] >= 91) }' || { printf '%s\n' \
	  "Rust is too old: $$(rustc --version); wanted is 1.91 or newer." \
	  '  rustup update stable' \
	  "  or, where Rust is the system's own package, https://rustup.rs" >&2; exit 1; }
	@printf '#include <stdio.h>\nint main(void) { return puts(""); }\n' | cc -x c -o /dev/null - 2>/dev/null || { printf '%s\n' \
	  'A C compiler that can link programs is missing: Rust needs one to link, SQLite to be built.' \
	  '  Debian, Ubuntu   sudo apt install gcc libc6-dev' \
	  '  Fedora           sudo dnf install gcc' \
	  '  macOS            xcode-select --install' >&2; exit 1; }
	@command -v python3 >/dev/null || [ -n "$$PYTHON" ] || { printf '%s\n' \
	  'Python is missing: bots run in an embedded CPython 3.11 to 3.13.' \
	  '  Debian, Ubuntu   sudo apt install python3-dev python3-venv' \
	  '  Fedora           sudo dnf install python3-devel' \
	  '  macOS            brew install python@3.13' >&2; exit 1; }

# Says by itself what a Python lacks: version, headers, shared library, venv.
setup: tools
	@sh bots/python/setup.sh

# The demo and the tests of real clients have an environment of their own: bots get nothing from it.
clients: setup
	@sh examples/demo/setup.sh

demo: clients
	@echo "Building the programs: about $$(grep -c '^name' Cargo.lock) crates. The first time takes some minutes; cargo names each."
	cargo build --bins
	@echo 'Starting a relay and two players.'
	@$(CLIENTS_ENV) examples/demo/demo.py --bin-dir target/debug

# The last lines are the test runner's own summary.
test: clients
	$(PYTHON_ENV) -m unittest discover --start-directory bots/python/tests
	cargo build --workspace --bins
	$(CLIENTS_ENV) -m unittest discover --start-directory tests/python
	@if cargo nextest --version >/dev/null 2>&1; then \
	  echo cargo nextest run --workspace --no-fail-fast; cargo nextest run --workspace --no-fail-fast; \
	else \
	  echo cargo test --workspace --no-fail-fast; cargo test --workspace --no-fail-fast; \
	fi

relay: setup
	cargo build --release
	target/release/mcp-multiplayer-relay

bench: setup
	cargo build --release --workspace
	target/release/bench

schemathesis: setup
	cargo build --workspace --bins
	sh tests/schemathesis/run.sh

conformance: clients
	cargo build --workspace --bins
	@sh tests/conformance/run.sh

node-clients: clients
	cargo build --workspace --bins
	@sh tests/node/run.sh

fresh:
	bash tests/fresh/run.sh

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps
