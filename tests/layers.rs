//! The table of who may use whom, kept true.

use std::{fs, path::Path};

/// Each folder with what it may use of the crate.
const MAY_USE: [(&str, &[&str]); 10] = [
    ("word", &[]),
    ("layout", &["word"]),
    ("record", &["word"]),
    ("store", &["word"]),
    ("census", &["word", "layout", "record"]),
    ("decide", &["word", "layout", "record", "census"]),
    ("mirror", &["word", "layout", "record", "census", "store"]),
    ("act", &["word", "layout", "record", "census", "store", "decide", "mirror"]),
    ("tell", &["word", "layout", "record", "census", "store", "decide", "mirror", "act"]),
    ("cli", &["word", "layout", "record", "census", "store", "decide", "mirror", "act", "tell"]),
];

#[test]
fn every_folder_uses_only_what_lies_before_it() {
    let mut broken = Vec::new();
    for (floor, may_use) in MAY_USE {
        for (file, text) in sources(floor) {
            for (number, line) in
                text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
            {
                for used in line.split("crate::").skip(1) {
                    let used: String =
                        used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                    if !used.is_empty() && used != floor && !may_use.contains(&&*used) {
                        broken.push(format!("{file}:{}: `{floor}` must not use `{used}`", number + 1));
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn pure_folders_touch_neither_files_nor_the_clock() {
    for floor in ["word", "layout", "record", "census", "decide"] {
        for (file, text) in sources(floor) {
            for forbidden in ["std::fs", "std::net", "SystemTime", "Instant::now", "Utc::now", "std::thread"]
            {
                assert!(!text.contains(forbidden), "{file} uses {forbidden}");
            }
        }
    }
}

/// Returns every source file of a folder with its text.
fn sources(floor: &str) -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut open = vec![src.join(floor), src.join(format!("{floor}.rs"))];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push((path.display().to_string(), text));
        }
    }
    found
}
