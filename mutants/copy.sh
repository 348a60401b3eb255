#!/bin/sh
# Lays the pure layers out as a crate of their own, in target/mutants/tree: words, layouts, records, decisions and the
# tests that need nothing else. Nothing of theirs refers to what lies above (tests/layers.rs), and a change of them is
# built and tried in seconds there. `make mutants` breaks that copy, never the sources.
set -eu
cd "$(dirname "$0")/.."
tree=${1:-target/mutants/tree}
rm -rf "$tree"
mkdir -p "$tree"
cp -r --parents mutants Cargo.toml Cargo.lock .cargo src tests layouts policies fixtures docs "$tree"
cd "$tree"
rm -rf src/act src/cli src/mirror src/store src/tell src/main.rs
sed -i '/^pub mod \(act\|cli\|mirror\|store\|tell\);/d' src/lib.rs
sed -i '/^\[\[bin\]\]/,/^$/d' Cargo.toml
# The tests become part of the crate, so that one unit is built and linked for each change.
printf 'extern crate self as mirrorkeep;\n#[cfg(test)]\n#[path = "../tests/main.rs"]\nmod all;\n' >>src/lib.rs
sed -i '/^\[\[test\]\]/,/^$/d' Cargo.toml
printf '\n[profile.dev.package.mirrorkeep]\ndebug = false\n' >>Cargo.toml
sed -i '/^mod /d' tests/main.rs
for name in comply dice layout layout_laws layout_rules layout_strays policy policy_examples policy_read real_paths record retain rig trees yaml; do echo "mod $name;"; done >>tests/main.rs
find tests -name '*.rs' -exec sed -i 's/crate::\(dice\|rig\|trees\)/crate::all::\1/g' {} +
# What needs the binary stays out; the whole suite has it.
sed -i '/^mod verbs;/d' tests/retain/mod.rs
sed -i '/mirrorkeep::tell/d' tests/comply/mod.rs
sed -i 's/env!("CARGO_BIN_EXE_mirrorkeep")/"no binary here"/' tests/rig.rs
# All changes lie in the copy at once, and one of them is taken when the environment says so.
cp mutants/mutant.rs src/
printf '#![allow(warnings, arithmetic_overflow, unconditional_panic)]\n' | cat - src/lib.rs >lib && mv lib src/lib.rs
echo 'pub(crate) mod mutant;' >>src/lib.rs
# Built once and run thousands of times.
printf '\n[profile.dev.package."*"]\nopt-level = 1\n' >>Cargo.toml
sed -i 's/^debug = false$/&\nopt-level = 1/' Cargo.toml
# What only the layers above use.
above='async-trait|bytes|clap|clap_complete|clap_mangen|futures-util|indicatif|jsonschema|minisign|object_store|quick-junit'
sed -i -E "/^($above|rayon|rustix|serde-sarif|signal-hook|tokio|url|uuid|walkdir) = /d" Cargo.toml
sed -i -E '/^\[profile.dev.package.(scrypt|salsa20)\]/,+1d' Cargo.toml
