//! The rules of a web server: a file outside the mirror that is replaced in one step, and the command that loads it.

use super::ReadersError;
use crate::model::shell_word;
use crate::ops::Mode;
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The time limit of the command.
const LIMIT: Duration = Duration::from_secs(30);

/// How often to check whether it ended.
const PAUSE: Duration = Duration::from_millis(5);

/// How many bytes of its output are shown.
const SAID: u64 = 400;

/// Writes a file in one step, so that a server reads the old text or the new; returns whether it changed.
///
/// A dry run only compares.
pub fn replace(out: &Path, text: &str, mode: Mode) -> Result<bool, ReadersError> {
    let failed = |source| ReadersError::Out { path: out.to_owned(), source };
    match fs::metadata(out) {
        // A device or a pipe would be replaced, or read without end.
        Ok(found) if !found.is_file() => return Err(failed(io::Error::other("it is not a regular file"))),
        Ok(found)
            if found.len() == text.len() as u64 && fs::read(out).map_err(failed)? == text.as_bytes() =>
        {
            return Ok(false);
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let dir = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !dir.exists() {
        return Err(ReadersError::NoDirectory { path: out.to_owned(), dir: dir.to_owned() });
    }
    if mode == Mode::Trial {
        fs::metadata(dir).map_err(failed)?;
        return Ok(true);
    }
    // As readable as any new file of the user: servers read it.
    let permissions = fs::Permissions::from_mode(0o666);
    // Without the name of the temporary file, which would not help.
    let plain = |error: io::Error| failed(error.raw_os_error().map_or(error, io::Error::from_raw_os_error));
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(dir).map_err(plain)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(out).map_err(|error| failed(error.error))?;
    Ok(true)
}

/// Runs a command without a shell, with a time limit; fails with how it failed.
pub(super) fn run(command: &[String]) -> Result<(), ReadersError> {
    let words: Vec<String> = command.iter().map(|word| shell_word(word.as_ref())).collect();
    let failed = |why: String| ReadersError::Reload { command: words.join(" "), why };
    let io = |error: io::Error| failed(error.to_string());
    let Some((program, args)) = command.split_first() else { return Ok(()) };
    let mut said = tempfile::tempfile().map_err(io)?;
    // In a process group of its own, so that its children end with it.
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said.try_clone().map_err(io)?)
        .process_group(0)
        .spawn()
        .map_err(io)?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait().map_err(io)? {
            Some(status) => break status,
            None if started.elapsed() < LIMIT => std::thread::sleep(PAUSE),
            None => {
                let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
                if let Some(group) = group {
                    // If the group is missing, it has just ended.
                    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
                }
                child.wait().ok();
                return Err(failed(format!("it did not end within {} seconds", LIMIT.as_secs())));
            }
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut text = Vec::new();
    // Its output is only shown.
    said.rewind().and_then(|()| said.take(SAID).read_to_end(&mut text)).ok();
    let text = String::from_utf8_lossy(&text);
    let text = text.trim();
    Err(failed(if text.is_empty() { status.to_string() } else { format!("{status}: {text}") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_run_as_it_is_and_its_failure_is_told() {
        let run = |words: &[&str]| run(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert!(run(&["true"]).is_ok() && run(&[]).is_ok());
        let said = run(&["ls", "/no such; touch x"]).unwrap_err().to_string();
        assert!(said.starts_with("`ls '/no such; touch x'` failed: exit status: 2: ls: "), "{said}");
        assert!(run(&["/no/such/program"]).is_err());
    }
}
