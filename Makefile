# The checks of the project; `make test` sets up what the tests need and runs all of them, `make torture` the long way.

.PHONY: test torture lint tools

test: tools
	cargo build --locked
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked; else cargo test --locked; fi

# Every system call of a small publish, prune, sweep and restore as the last one or a failing one; half an hour.
torture: tools
	MIRRORKEEP_TORTURE=1 cargo test --locked --test all crash -- --nocapture

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

tools:
	@command -v strace >/dev/null && command -v git >/dev/null || \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends strace git; }
	@python3 -m venv -h >/dev/null 2>&1 && python3 -c 'import ensurepip' 2>/dev/null || \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv; }
	@tests/servers/install.sh
