//! Commands of the site: run without a shell, with a time limit, and with the end of their output kept.
//!
//! A command gets a process group of its own, which ends with it: at the time limit, when the user stops mirrorkeep,
//! and when the command itself ended and left something running. Its output is read continuously, so that it never
//! waits for mirrorkeep. Not guaranteed: a process that leaves the group is not ended.

mod tail;

use crate::model::{Class, Classify, ErrorKind, shell_word};
use crate::progress::CancelToken;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::fmt;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};
use tail::Tail;

/// The environment variable with the password of a minisign key, which is for no other command.
pub const MINISIGN_PASSWORD: &str = "MIRRORKEEP_MINISIGN_PASSWORD";

/// How often to check whether a command is to be ended.
const PAUSE: Duration = Duration::from_millis(10);

/// How long a command may take to end after SIGTERM, and its output to end after it.
const GRACE: Duration = Duration::from_secs(2);

/// How long after a failed command a signal may arrive that was sent to both.
const SIGNALLED: Duration = Duration::from_millis(100);

/// How many bytes at the end of the output are kept.
pub const KEPT: usize = 64 << 10;

/// How many bytes of an answer are kept if errors are separate.
pub const ANSWER: usize = 1 << 20;

/// The least file descriptors of the lock that a command inherits, the first that the limit of open files allows: shells and
/// their scripts use small ones for files of their own, and would close the lock.
const HIGH: [i32; 4] = [1000, 500, 300, 100];

/// A command to run.
#[derive(Debug)]
pub struct Job<'a> {
    /// The program and its arguments.
    pub words: &'a [String],
    /// Variables to add to the environment.
    pub env: &'a [(&'static str, String)],
    /// Variables to remove from the environment.
    pub without: &'a [&'a str],
    /// The standard input of the command.
    pub input: &'a [u8],
    /// The time limit.
    pub limit: Duration,
    /// A lock that is held as long as the command lives, even if mirrorkeep is killed.
    pub lock: Option<OwnedFd>,
}

/// The result of running a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// The end of its output: standard output and standard error in the order of writing, or standard output alone.
    pub output: String,
    /// The end of its standard error, if that is kept separately.
    pub errors: String,
    /// How long it took, in seconds.
    pub seconds: u64,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was ended at its time limit.
    TimeLimit(Duration),
    /// The user stopped mirrorkeep.
    Stopped,
}

/// Why a command was not run.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// There is no such program.
    #[error("cannot start `{program}`: there is no such program")]
    NoProgram {
        /// Which program.
        program: String,
    },
    /// It cannot be started.
    #[error("cannot start `{program}`")]
    Start {
        /// Which program.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// It was started, and cannot be waited for.
    #[error("cannot wait for `{program}`")]
    Wait {
        /// Which program.
        program: String,
        /// Why not.
        source: io::Error,
    },
}

impl Classify for ExecError {
    fn class(&self) -> Class {
        ErrorKind::Failed.into()
    }
}

impl End {
    /// Returns whether the command succeeded.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "it ended with exit code {code}"),
            Self::Signal(signal) => write!(f, "it was ended by signal {signal}"),
            Self::TimeLimit(limit) => write!(f, "it was ended after its time limit of {} s", limit.as_secs()),
            Self::Stopped => f.write_str("it was stopped by the user"),
        }
    }
}

/// Returns a command as a user would type it.
pub fn shown(words: &[String]) -> String {
    words.iter().map(|word| shell_word(word.as_ref())).collect::<Vec<_>>().join(" ")
}

/// What happens to the output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Both outputs are kept, as one.
    Together,
    /// Both are kept, separately.
    Apart,
    /// Standard output is kept, and standard error is dropped.
    Output,
    /// Both are written to the standard error of mirrorkeep.
    Passed,
}

/// Runs a command to its end, or to its time limit.
pub fn run(job: &Job<'_>, stop: &CancelToken) -> Result<Ran, ExecError> {
    run_with(job, Written::Together, stop)
}

/// Runs a command whose standard output is an answer, and drops its standard error.
pub fn ask(job: &Job<'_>, stop: &CancelToken) -> Result<Ran, ExecError> {
    run_with(job, Written::Output, stop)
}

/// Runs a command whose standard output is an answer, and keeps its standard error separately.
pub fn ask_apart(job: &Job<'_>, stop: &CancelToken) -> Result<Ran, ExecError> {
    run_with(job, Written::Apart, stop)
}

/// Runs a command whose output people read while it runs: it goes to standard error.
pub fn pass(job: &Job<'_>, stop: &CancelToken) -> Result<Ran, ExecError> {
    run_with(job, Written::Passed, stop)
}

fn run_with(job: &Job<'_>, written: Written, stop: &CancelToken) -> Result<Ran, ExecError> {
    let program = job.words.first().cloned().unwrap_or_default();
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ExecError::NoProgram { program: program.clone() },
        _ => ExecError::Start { program: program.clone(), source },
    };
    let input = input(job.input).map_err(failed)?;
    let mut command = Command::new(&program);
    command
        .args(job.words.get(1..).unwrap_or_default())
        .envs(job.env.iter().map(|(key, value)| (key, value)));
    for key in job.without {
        command.env_remove(key);
    }
    let mut kept = Vec::new();
    let mut pipe = || -> io::Result<io::PipeWriter> {
        let (reader, writer) = io::pipe()?;
        kept.push(reader);
        Ok(writer)
    };
    let (out, errors): (Stdio, Stdio) = match written {
        Written::Together => {
            let writer = pipe().map_err(failed)?;
            (writer.try_clone().map_err(failed)?.into(), writer.into())
        }
        Written::Output => (pipe().map_err(failed)?.into(), Stdio::null()),
        Written::Apart => (pipe().map_err(failed)?.into(), pipe().map_err(failed)?.into()),
        Written::Passed => {
            let own = || io::stderr().as_fd().try_clone_to_owned().map(Stdio::from);
            (own().map_err(failed)?, own().map_err(failed)?)
        }
    };
    command.stdin(input).stdout(out).stderr(errors).process_group(0);
    let lock = job.lock.as_ref().map(inherited).transpose().map_err(failed)?;
    let started = Instant::now();
    let child = command.spawn().map_err(failed)?;
    // The command's ends of the pipe: otherwise its output would have no end.
    drop((command, lock));
    let most = if written == Written::Apart { ANSWER } else { KEPT };
    let tails: Vec<Tail> = kept.into_iter().map(|reader| Tail::read(reader, most)).collect();
    let end = wait(child, started, job.limit, stop).map_err(|source| ExecError::Wait { program, source })?;
    let seconds = started.elapsed().as_secs();
    let mut texts = tails.into_iter().map(|tail| tail.after(GRACE));
    let (output, errors) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
    Ok(Ran { end, output, errors, seconds })
}

/// Returns a lock without the flag that closes it in the command, as a file descriptor that a script does not use for a file of
/// its own.
fn inherited(lock: &OwnedFd) -> io::Result<OwnedFd> {
    for least in HIGH {
        match rustix::io::fcntl_dupfd_cloexec(lock, least) {
            // No number is left from there to the limit.
            Err(Errno::INVAL | Errno::MFILE) => {}
            high => {
                let high = high?;
                rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty())?;
                return Ok(high);
            }
        }
    }
    Ok(rustix::io::dup(lock)?)
}

/// Returns the standard input of a command: a file, so that mirrorkeep does not wait for a command that does not read
/// it.
fn input(bytes: &[u8]) -> io::Result<Stdio> {
    if bytes.is_empty() {
        return Ok(Stdio::null());
    }
    let mut file: File = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

fn wait(mut child: Child, started: Instant, limit: Duration, stop: &CancelToken) -> io::Result<End> {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    // If nothing is left of a group, it has just ended.
    let kill = |signal| kill_process_group(group, signal).ok();
    let mut early: Option<(End, Instant)> = None;
    // The command is not reaped until its group was ended: its process ID could be used again.
    let ended = end_told(group);
    loop {
        match ended.recv_timeout(PAUSE) {
            Ok(told) => break told?,
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("its watcher ended")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        match early {
            None if stop.check().is_err() => early = Some((End::Stopped, Instant::now())),
            None if started.elapsed() >= limit => early = Some((End::TimeLimit(limit), Instant::now())),
            Some((_, asked)) if asked.elapsed() >= GRACE => break,
            _ => continue,
        }
        kill(Signal::TERM);
    }
    kill(Signal::KILL);
    let status = child.wait()?;
    // A service manager signals the whole group of a service at once, and the command may be faster.
    let began = Instant::now();
    while early.is_none() && !status.success() && stop.check().is_ok() && began.elapsed() < SIGNALLED {
        sleep(PAUSE);
    }
    if early.is_none() && stop.check().is_err() {
        return Ok(End::Stopped);
    }
    Ok(early.map_or_else(|| end_of(status), |(end, _)| end))
}

/// Returns what tells at once that a process has ended, which does not reap it.
fn end_told(process: Pid) -> Receiver<io::Result<()>> {
    let (tell, told) = channel();
    spawn(move || {
        let ended = loop {
            match waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Err(Errno::INTR) => {}
                ended => break ended,
            }
        };
        // Nobody listens any more where the command was not waited for.
        tell.send(ended.map(drop).map_err(io::Error::from)).ok();
    });
    told
}

fn end_of(status: ExitStatus) -> End {
    status.code().map_or_else(|| End::Signal(status.signal().unwrap_or_default()), End::Code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(words: &[&str], limit: Duration) -> Result<Ran, ExecError> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let env = [("MIRRORKEEP_TEST", "a value".to_owned())];
        let job = Job { words: &words, env: &env, without: &["HOME"], input: b"given", limit, lock: None };
        run(&job, &CancelToken::new())
    }

    fn sh(script: &str, limit: Duration) -> Ran {
        ran(&["sh", "-c", script], limit).unwrap()
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn both_outputs_are_kept_in_order_with_the_exit_code() {
        let ran = sh("echo one; echo two >&2; cat; echo; echo $MIRRORKEEP_TEST ${HOME-gone}; exit 75", LONG);
        assert_eq!((ran.end, &*ran.output), (End::Code(75), "one\ntwo\ngiven\na value gone\n"));
        assert_eq!(sh("kill -9 $$", LONG).end, End::Signal(9));
        assert!(ran_nothing(&["/no/such/program"]).ends_with("there is no such program"));
    }

    fn ran_nothing(words: &[&str]) -> String {
        ran(words, LONG).unwrap_err().to_string()
    }

    #[test]
    fn an_answer_is_the_standard_output_alone() {
        let words = ["sh", "-c", "echo warning >&2; echo answer"].map(str::to_owned);
        let job = Job { words: &words, env: &[], without: &[], input: b"", limit: LONG, lock: None };
        assert_eq!(ask(&job, &CancelToken::new()).unwrap().output, "answer\n");
        let ran = ask_apart(&job, &CancelToken::new()).unwrap();
        assert_eq!((&*ran.output, &*ran.errors), ("answer\n", "warning\n"));
        let ran = pass(&job, &CancelToken::new()).unwrap();
        assert_eq!((ran.end, &*ran.output, &*ran.errors), (End::Code(0), "", ""));
    }

    #[test]
    fn no_shell_reads_the_words() {
        assert_eq!(ran(&["echo", "$HOME; id", "`id`"], LONG).unwrap().output, "$HOME; id `id`\n");
    }

    #[test]
    fn of_much_output_the_end_is_kept_and_what_is_left_out_is_counted() {
        let ran = sh("seq 1 2000000; echo last", LONG);
        assert!(ran.output.len() <= KEPT + 100, "{}", ran.output.len());
        let (first, rest) = ran.output.split_once('\n').unwrap();
        assert!(first.starts_with('[') && first.ends_with(" bytes before this are left out]"), "{first}");
        assert!(rest.lines().next().unwrap().parse::<u32>().is_ok() && rest.ends_with("2000000\nlast\n"));
    }

    #[test]
    fn at_the_time_limit_everything_that_was_started_ends() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let started = Instant::now();
        let script =
            format!("trap '' TERM; (trap '' TERM; sleep 4; echo late > {path}) & echo begun; sleep 50");
        let ran = sh(&script, Duration::from_millis(300));
        assert_eq!(ran.end, End::TimeLimit(Duration::from_millis(300)));
        assert!(started.elapsed() < Duration::from_secs(10) && ran.output.contains("begun"));
        sleep(Duration::from_secs(3));
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "");
    }

    #[test]
    fn what_keeps_the_output_open_is_not_waited_for() {
        let started = Instant::now();
        let ran = sh("setsid sleep 20 & echo done", LONG);
        assert_eq!((ran.end, &*ran.output), (End::Code(0), "done\n"));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_user_who_stops_mirrorkeep_stops_the_command() {
        let (words, stop) = (["sleep", "50"].map(str::to_owned), CancelToken::new());
        let job = Job { words: &words, env: &[], without: &[], input: b"", limit: LONG, lock: None };
        std::thread::scope(|scope| {
            let running = scope.spawn(|| run(&job, &stop));
            sleep(Duration::from_millis(100));
            stop.flag().store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(running.join().unwrap().unwrap().end, End::Stopped);
        });
    }

    #[test]
    fn a_lock_has_a_file_descriptor_that_scripts_do_not_use() {
        use std::os::fd::AsRawFd;
        let file: OwnedFd = tempfile::tempfile().unwrap().into();
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let least = if limit.is_none_or(|limit| limit > 1000) { 1000 } else { 100 };
        let (one, other) = (inherited(&file).unwrap(), inherited(&file).unwrap());
        assert!(one.as_raw_fd() >= least && other.as_raw_fd() > one.as_raw_fd());
        assert!(rustix::io::fcntl_getfd(&one).unwrap().is_empty());
    }

    #[test]
    fn a_lock_is_held_as_long_as_the_command_lives() {
        use rustix::fs::{FlockOperation, flock};
        let file = tempfile::NamedTempFile::new().unwrap();
        let held = file.reopen().unwrap();
        flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        let again = || flock(file.reopen().unwrap(), FlockOperation::NonBlockingLockExclusive);
        let words =
            ["sh", "-c", "exec >&- 2>&- 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; setsid sleep 1 & sleep 0.1"]
                .map(str::to_owned);
        let job =
            Job { words: &words, env: &[], without: &[], input: b"", limit: LONG, lock: Some(held.into()) };
        run(&job, &CancelToken::new()).unwrap();
        // As when mirrorkeep is killed: closed, and not unlocked.
        drop(job);
        assert!(again().is_err());
        sleep(Duration::from_millis(1500));
        assert!(again().is_ok());
    }
}
