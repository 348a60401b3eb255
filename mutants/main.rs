//! Tries small changes of what is pure: all of them in one build, each by the tests that reach it.
//!
//! cargo-mutants lists the changes. Each becomes a way beside what stands there, taken when the environment says so; the
//! compiler tells which of them cannot be built. Then every test runs once and notes which changes it reaches, and each
//! change is tried with those tests alone, the quick ones first, until one fails. What was found out is kept in a file,
//! line by line: a run that was stopped goes on where it was, and what was missed is tried again.

mod copy;
mod list;
mod site;
mod tell;
mod trial;
mod write;

use std::{error::Error, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [tree, list, kept, only @ ..] = args.as_slice() else {
        eprintln!(
            "usage: mutants TREE LIST KEPT [WORD…]: only changes whose name has one of the words are tried"
        );
        return ExitCode::from(2);
    };
    match run(Path::new(tree), Path::new(list), Path::new(kept), only) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether every change was noticed.
fn run(tree: &Path, list: &Path, kept: &Path, only: &[String]) -> Result<bool, Box<dyn Error>> {
    let tree = &std::fs::canonicalize(tree)?;
    let changes = list::read(list)?;
    let built = copy::build(tree, &changes)?;
    let mut ledger = tell::Ledger::open(kept, &changes, &built)?;
    let tests = trial::tests(tree, &built.binary)?;
    for change in &changes {
        let wanted = only.is_empty() || only.iter().any(|word| change.name.contains(word.as_str()));
        if wanted && !ledger.knows(change) {
            let end = trial::attempt(tree, &built.binary, change.id, &tests)?;
            ledger.keep(change, end)?;
        }
    }
    Ok(ledger.tell(&changes))
}
