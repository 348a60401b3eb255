//! Running the tests: all of them once without a change, then for each change those that reach it.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    io::{Read, Seek},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A test, and what it does without a change.
#[derive(Debug)]
pub(crate) struct Test {
    name: String,
    takes: Duration,
    reaches: BTreeSet<usize>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    /// A test failed.
    Caught,
    /// The tests did not end.
    Late,
    /// No test failed.
    Missed,
    /// No test comes there.
    Unreached,
    /// The compiler refuses it.
    Refused,
    /// It has no switch.
    Lost,
}

/// So many milliseconds of tests are tried together before all others.
const QUICK: u128 = 300;

/// Returns all tests, the quickest first.
pub(crate) fn tests(tree: &Path, binary: &Path) -> Result<Vec<Test>, Box<dyn Error>> {
    let listed = Command::new(binary).current_dir(tree).args(["--list", "--format", "terse"]).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let seen = tree.join("seen");
    let mut tests = Vec::new();
    for name in names {
        let started = Instant::now();
        let mut run = running(tree, binary, &[name])?;
        run.env("MUTANTS_SEEN", &seen).stdout(Stdio::null()).stderr(Stdio::null());
        if !run.status()?.success() {
            // It needs the binary, or it is broken: who runs this must see which.
            eprintln!("left out, since it fails without any change: {name}");
            continue;
        }
        let takes = started.elapsed();
        let text = fs::read_to_string(&seen).unwrap_or_default();
        fs::remove_file(&seen).ok();
        let reaches = text.lines().filter_map(|line| line.parse().ok()).collect();
        tests.push(Test { name: name.to_owned(), takes, reaches });
    }
    tests.sort_by_key(|test| test.takes);
    let whole: Duration = tests.iter().map(|test| test.takes).sum();
    eprintln!("{} tests, {} seconds one after the other", tests.len(), whole.as_secs());
    Ok(tests)
}

/// Returns what becomes of a change, and the test that noticed it.
pub(crate) fn attempt(
    tree: &Path,
    binary: &Path,
    change: usize,
    tests: &[Test],
) -> Result<(End, String), Box<dyn Error>> {
    let reaching: Vec<&Test> = tests.iter().filter(|test| test.reaches.contains(&change)).collect();
    let mut spent = 0;
    let quick = reaching.iter().take_while(|test| {
        spent += test.takes.as_millis();
        spent <= QUICK
    });
    let (quick, slow) = reaching.split_at(quick.count());
    let mut parts: Vec<&[&Test]> = vec![quick];
    parts.extend(slow.chunks(1));
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let names: Vec<&str> = part.iter().map(|test| test.name.as_str()).collect();
        let takes: Duration = part.iter().map(|test| test.takes).sum();
        let mut run = running(tree, binary, &names)?;
        let mut said =
            fs::File::options().create(true).truncate(true).read(true).write(true).open(tree.join("said"))?;
        let mut child =
            run.env("MUTANT", change.to_string()).stdout(said.try_clone()?).stderr(Stdio::null()).spawn()?;
        let last = Instant::now() + takes * 4 + Duration::from_secs(5);
        let status = loop {
            match child.try_wait()? {
                Some(status) => break Some(status),
                None if Instant::now() > last => break None,
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let Some(status) = status else {
            child.kill()?;
            child.wait()?;
            return Ok((End::Late, names.join(" ")));
        };
        if !status.success() {
            let mut text = String::new();
            said.rewind()?;
            said.read_to_string(&mut text)?;
            // A test tells its name before it runs, and nothing more when it ends the process.
            let by = text
                .lines()
                .rev()
                .find_map(|line| Some(line.strip_prefix("test ")?.split(" ...").next()?.to_owned()));
            return Ok((End::Caught, by.unwrap_or_default()));
        }
    }
    Ok((if reaching.is_empty() { End::Unreached } else { End::Missed }, String::new()))
}

/// Returns a run of these tests, which may take no more than so much memory.
fn running(tree: &Path, binary: &Path, names: &[&str]) -> Result<Command, Box<dyn Error>> {
    let mut run = Command::new("sh");
    run.args(["-c", "ulimit -v 8000000; exec \"$0\" \"$@\""]).arg(fs::canonicalize(binary)?);
    run.args(names).args(["--exact", "--test-threads", "1"]).current_dir(tree).env("RUST_BACKTRACE", "0");
    run.env("PROPTEST_MAX_SHRINK_ITERS", "0").env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    Ok(run)
}
