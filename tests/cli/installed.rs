//! `make install` puts everything where a system looks for it.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn make_install_puts_program_pages_completions_and_units_in_place() {
    let place = tempfile::tempdir().unwrap();
    let mut make = Command::new("make");
    make.args(["-C", env!("CARGO_MANIFEST_DIR"), "install", "PREFIX=/opt/mk"])
        .arg(format!("BINARY={}", env!("CARGO_BIN_EXE_mirrorkeep")))
        .arg(format!("DESTDIR={}", place.path().display()));
    let output = make.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let below = |path: &str| place.path().join(path);
    let text = |path: &str| fs::read_to_string(below(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let version = Command::new(below("opt/mk/bin/mirrorkeep")).arg("--version").output().unwrap();
    assert!(version.stdout.starts_with(b"mirrorkeep "));
    for page in ["mirrorkeep.1", "mirrorkeep-publish.1"] {
        assert!(text(&format!("opt/mk/share/man/man1/{page}")).contains(".TH"), "{page}");
    }
    for file in ["bash-completion/completions/mirrorkeep", "fish/vendor_completions.d/mirrorkeep.fish"] {
        assert!(text(&format!("opt/mk/share/{file}")).contains("COMPLETE"), "{file}");
    }
    let service = text("etc/systemd/system/mirrorkeep-prune.service");
    assert!(service.contains("ExecStart=/opt/mk/bin/mirrorkeep --mirror /srv/mirror prune"), "{service}");
    assert!(text("opt/mk/lib/sysusers.d/mirrorkeep.conf").contains("u mirror "));
    // Every unit that ships is there.
    for unit in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib")).unwrap() {
        let name = unit.unwrap().file_name().into_string().unwrap();
        if [".service", ".timer", ".path"].iter().any(|ending| name.ends_with(ending)) {
            assert!(below("etc/systemd/system").join(&name).exists(), "{name}");
        }
    }
}
