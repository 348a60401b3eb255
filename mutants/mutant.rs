//! Which change is made in this process. It becomes part of the copy of the crate that is tried.

use std::{
    fs::File,
    io::Write,
    sync::{LazyLock, Mutex},
};

/// The number of the change that is made, 0 for none, and where to note which could have been.
static NOW: LazyLock<(u32, Option<Seen>)> = LazyLock::new(|| {
    let made = std::env::var("MUTANT").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    // The first test that fails is enough.
    if made > 0 {
        std::panic::set_hook(Box::new(|_| std::process::exit(101)));
    }
    let seen = std::env::var_os("MUTANTS_SEEN").and_then(|path| File::create(path).ok());
    (made, seen.map(|file| Mutex::new((file, Vec::new()))))
});

type Seen = Mutex<(File, Vec<bool>)>;

/// Returns whether this change is made.
pub(crate) fn is(id: u32) -> bool {
    let (made, seen) = &*NOW;
    if let Some(seen) = seen
        && let Ok(mut seen) = seen.lock()
    {
        let at = id as usize;
        if seen.1.len() <= at {
            seen.1.resize(at + 1, false);
        }
        if !std::mem::replace(&mut seen.1[at], true) {
            writeln!(seen.0, "{id}").ok();
        }
    }
    *made == id
}
