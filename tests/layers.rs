//! The order of the folders and files: who may use whom, no circles, and what pure code must not use.

use std::collections::{BTreeMap, BTreeSet};
use std::{fs, path::Path};

/// Each folder with what it may use of the crate.
const MAY_USE: [(&str, &[&str]); 19] = [
    ("model", &[]),
    ("progress", &["model"]),
    ("exec", &["model", "progress"]),
    ("layout", &["model"]),
    ("record", &["model"]),
    ("store", &["model"]),
    ("registry", &["model", "progress", "exec"]),
    ("census", &["model", "layout", "record"]),
    ("decide", &["model", "layout", "record", "census"]),
    ("send", &["model", "progress", "exec", "registry", "decide"]),
    ("mirror", &["model", "layout", "record", "census", "store"]),
    ("source", &["model", "progress", "layout", "record", "store", "mirror"]),
    ("sign", &["model", "exec", "record", "store", "source"]),
    ("commit", &BELOW_COMMIT),
    ("recover", &["model", "record", "store", "registry", "mirror", "commit"]),
    ("session", &["model", "progress", "mirror", "recover"]),
    ("ops", &BELOW_OPS),
    (
        "render",
        &["model", "layout", "record", "census", "store", "registry", "decide", "mirror", "source", "ops"],
    ),
    ("cli", &BELOW_CLI),
];

const BELOW_COMMIT: [&str; 12] = [
    "model", "progress", "exec", "layout", "record", "store", "registry", "census", "decide", "mirror",
    "source", "sign",
];

const BELOW_OPS: [&str; 16] = [
    "model", "progress", "exec", "layout", "record", "store", "registry", "census", "decide", "mirror",
    "source", "send", "sign", "commit", "recover", "session",
];

const BELOW_CLI: [&str; 18] = [
    "model", "progress", "exec", "layout", "record", "store", "registry", "census", "decide", "mirror",
    "source", "send", "sign", "commit", "recover", "session", "ops", "render",
];

#[test]
fn every_folder_uses_only_the_folders_below_it() {
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
    for floor in ["model", "layout", "record", "census", "decide"] {
        for (file, text) in sources(floor) {
            for forbidden in ["std::fs", "std::net", "SystemTime", "Instant::now", "Utc::now", "std::thread"]
            {
                assert!(!text.contains(forbidden), "{file} uses {forbidden}");
            }
        }
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let graph = Graph::read();
    let circles = graph.circles();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// Only a session provides the write lock, and it recovers first; docs/decisions/0009-session.md has the exceptions.
#[test]
fn the_write_lock_is_taken_where_it_is_recovered_under() {
    let may = [
        (
            ".lock_and_recover(",
            &["src/recover/pending.rs", "src/recover/stages.rs", "src/ops/retention/handshakes.rs"][..],
        ),
        (".lock_despite_loss(", &["src/recover/mod.rs"]),
    ];
    for (floor, _) in MAY_USE {
        for (file, text) in sources(floor) {
            for (call, files) in may {
                let may = files.iter().any(|may| file.ends_with(may));
                assert!(
                    may || !text.contains(call),
                    "{file} calls `{call}`; a session's `begin` takes the lock"
                );
            }
        }
    }
}

/// Which file uses which, by their imports.
struct Graph {
    /// Each module with the modules that it names, without its own children and what tests use.
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn read() -> Self {
        let mut texts = BTreeMap::new();
        for (floor, _) in MAY_USE {
            for (file, text) in sources(floor) {
                let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
                texts.insert(module(&file), text);
            }
        }
        texts.retain(|name, _| !name.ends_with("::tests"));
        let exported = exports(&texts);
        let uses = texts.iter().map(|(name, text)| {
            let paths = imports(name, text).into_iter();
            let homes = paths.filter_map(|path| home(&texts, &exported, &path)).filter(|used| used != name);
            (name.clone(), homes.collect())
        });
        Self { uses: uses.collect() }
    }

    /// Returns each circle as its modules; a module is in one if it can be reached from what it uses.
    fn circles(&self) -> Vec<String> {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            self.uses.keys().map(|from| (from, self.reached(from))).collect();
        let mut found = BTreeSet::new();
        for (from, to) in &reached {
            let circle: Vec<&str> =
                to.iter().filter(|to| reached[**to].contains(*from)).map(|to| to.as_str()).collect();
            if !circle.is_empty() {
                found.insert(circle.join(", "));
            }
        }
        found.into_iter().collect()
    }

    fn reached(&self, from: &String) -> BTreeSet<&String> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(next) = open.pop() {
            for used in self.uses.get(next).into_iter().flatten() {
                if seen.insert(used) {
                    open.push(used);
                }
            }
        }
        seen
    }
}

/// Returns what modules re-export by `pub use`.
fn exports(texts: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut exported = BTreeMap::new();
    for (name, text) in texts {
        for (public, path) in statements(text)
            .into_iter()
            .flat_map(|(public, tree)| expand(&tree, "").into_iter().map(move |path| (public, path)))
        {
            if public && let Some(last) = path.rsplit("::").next() {
                let full = absolute(name, &path).unwrap_or_else(|| format!("{name}::{path}"));
                exported.insert(format!("{name}::{last}"), full);
            }
        }
    }
    exported
}

/// Returns the absolute paths that a module imports or names in full.
fn imports(name: &str, text: &str) -> Vec<String> {
    let statements = statements(text);
    let used = statements.iter().filter(|(public, _)| !public).flat_map(|(_, tree)| expand(tree, ""));
    let mut paths: Vec<String> =
        used.map(|path| absolute(name, &path).unwrap_or_else(|| format!("{name}::{path}"))).collect();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for root in ["crate::", "super::"] {
            for (at, _) in line.match_indices(root) {
                let path: String =
                    line[at..].chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
                paths.extend(absolute(name, path.trim_end_matches(':')));
            }
        }
    }
    paths
}

/// Returns the `use` statements of a module: whether they export, and the tree that they name.
fn statements(text: &str) -> Vec<(bool, String)> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for statement in code.split(';') {
        let statement = statement.rsplit(['}', ']']).next().map_or(statement, |_| statement);
        let Some(at) = statement.find("use ") else { continue };
        let before = statement[..at].lines().last().unwrap_or_default().trim();
        if before.is_empty() || before.starts_with("pub") {
            let tree = statement[at + 4..].split_whitespace().collect::<Vec<_>>().join(" ");
            found.push((before.starts_with("pub"), tree));
        }
    }
    found
}

/// Returns the paths that a tree of imports names.
fn expand(tree: &str, prefix: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        let path = format!("{prefix}{path}");
        return vec![path.strip_suffix("::self").map_or(path.clone(), str::to_owned)];
    };
    let inner = tree[open + 1..].trim_end().trim_end_matches('}');
    let inner = if tree.ends_with('}') { &tree[open + 1..tree.len() - 1] } else { inner };
    let (mut depth, mut parts, mut part) = (0, Vec::new(), String::new());
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(c);
    }
    parts.push(part);
    let prefix = format!("{prefix}{}", &tree[..open]);
    parts.iter().filter(|part| !part.trim().is_empty()).flat_map(|part| expand(part, &prefix)).collect()
}

/// Returns a path from the crate's root; nothing for one of another crate or of a child.
fn absolute(name: &str, path: &str) -> Option<String> {
    if path.starts_with("crate::") {
        return Some(path.to_owned());
    }
    let (mut name, mut path) = (name, path.strip_prefix("self::").unwrap_or(path));
    let mut climbed = false;
    while let Some(rest) = path.strip_prefix("super::") {
        (name, path, climbed) = (name.rsplit_once("::")?.0, rest, true);
    }
    climbed.then(|| format!("{name}::{path}"))
}

/// Returns the module in which a path is defined.
fn home(texts: &BTreeMap<String, String>, exported: &BTreeMap<String, String>, path: &str) -> Option<String> {
    let mut path = path.to_owned();
    for _ in 0..8 {
        match exported.get(&path) {
            Some(next) if *next != path && !texts.contains_key(&path) => path = next.clone(),
            _ => break,
        }
    }
    while !texts.contains_key(&path) {
        path = path.rsplit_once("::")?.0.to_owned();
        if path == "crate" {
            return None;
        }
    }
    Some(path)
}

/// Returns the path of a module by its file.
fn module(file: &str) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let below = file.trim_start_matches(&*src.display().to_string()).trim_start_matches('/');
    let below = below.trim_end_matches(".rs").trim_end_matches("/mod");
    format!("crate::{}", below.replace('/', "::"))
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
