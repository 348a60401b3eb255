//! The pages that state which test attacks what: each named test must exist where they state it.

use std::fs;
use std::path::Path;

/// Returns every file that a page names in the sources or tests, each with the test, if it names one.
fn named(page: &str) -> Vec<(String, Option<String>)> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let spans = text.split('`').skip(1).step_by(2);
    let ours = spans.filter(|span| span.starts_with("tests/") || span.starts_with("src/"));
    ours.map(|span| match span.split_once("::") {
        Some((file, test)) => (file.to_owned(), Some(test.to_owned())),
        None => (span.to_owned(), None),
    })
    .collect()
}

#[test]
fn every_test_that_a_page_names_is_there() {
    for (page, least) in [("docs/reliability.md", 40), ("SECURITY.md", 20)] {
        let named = named(page);
        let mut wrong = Vec::new();
        for (file, test) in &named {
            let at = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            match test {
                _ if !at.exists() => wrong.push(format!("{page}: there is no `{file}`")),
                Some(test) if !fs::read_to_string(at).unwrap().contains(&format!("fn {test}(")) => {
                    wrong.push(format!("{page}: `{file}` has no test `{test}`"));
                }
                _ => {}
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let tests = named.iter().filter(|(_, test)| test.is_some()).count();
        assert!(tests >= least, "{page} names {tests} tests only");
    }
}

#[test]
fn every_promise_names_a_test_that_attacks_it() {
    let page = include_str!("../docs/reliability.md");
    let promises: Vec<&str> = page.split("\n## ").filter(|section| section.starts_with('P')).collect();
    assert_eq!(promises.len(), 10);
    for (number, promise) in (1..).zip(promises) {
        assert!(promise.starts_with(&format!("P{number} ")), "P{number} is wanted: {promise}");
        assert!(promise.contains("`tests/") && promise.contains("::"), "nothing attacks P{number}");
    }
}

/// Tests that `make test` skips without root, or without some program, are named by parts of their names.
#[test]
fn every_test_that_the_tools_name_is_there() {
    let script = include_str!("support/tools.sh");
    let between = |from: &str, to: &str| script.split(from).nth(1).unwrap().split(to).next().unwrap();
    let programs = between("<<'END'\n", "END\n").lines().flat_map(|line| line.split(' ').skip(2));
    let skipped = programs.chain(between("ROOT=\"\n", "\"\n").lines());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_module = |at: &str| {
        ["tests", "src"].iter().any(|top| {
            let at = root.join(top).join(at.replace("::", "/"));
            at.is_dir() || at.with_extension("rs").exists()
        })
    };
    let wrong: Vec<&str> = skipped
        .filter(|name| {
            let name = name.trim_end_matches("::");
            let (module, test) = name.rsplit_once("::").unwrap_or((name, ""));
            let holds = || {
                let at = root.join("tests").join(module.replace("::", "/")).with_extension("rs");
                fs::read_to_string(at).is_ok_and(|text| text.contains(&format!("fn {test}(")))
            };
            !is_module(name) && !holds()
        })
        .collect();
    assert!(wrong.is_empty(), "tests/support/tools.sh names no test with {wrong:?}");
}
