//! What every command gets: the mirror, the clock, the actor, and cancellation.

use super::exit::Outcome;
use super::mirror_url::{MirrorUrl, say_what_lacks};
use super::owner::{name_of, refuse_root};
use crate::mirror::{Commands, Mirror, Warnings};
use crate::model::{Stamp, is_unprintable};
use crate::progress::CancelToken;
use crate::session::Session;
use std::cell::RefCell;
use std::time::Duration;

/// The variable that lets the commands of a bucket's pipeline run.
const RUN_COMMANDS: &str = "MIRRORKEEP_RUN_COMMANDS";

/// What every verb gets.
pub(super) struct Context {
    pub(super) mirror: MirrorUrl,
    /// Whether the verb is one that changes a mirror.
    pub(super) changes: bool,
    /// Whether the verb may write into the mirror.
    pub(super) writes: bool,
    pub(super) json: bool,
    pub(super) wait: Duration,
    pub(super) who: String,
    pub(super) stop: CancelToken,
    /// The mirror that the verb opened.
    pub(super) opened: RefCell<Option<Mirror>>,
    /// Warnings about what the mirrors could not do and the command continued without.
    pub(super) warnings: Warnings,
}

impl Context {
    /// Opens the mirror.
    pub(super) fn open(&self) -> Outcome<Mirror> {
        if self.writes {
            refuse_root(&self.mirror)?;
        }
        let mirror = self.open_at(&self.mirror)?;
        if self.writes {
            mirror.covers_no_build()?;
        }
        if self.changes {
            say_what_lacks(mirror.store());
        }
        self.opened.replace(Some(mirror.clone()));
        Ok(mirror)
    }

    /// Returns the session of this command on a mirror, without a progress bar.
    pub(super) fn session<'a>(&self, mirror: &'a Mirror) -> Session<'a> {
        Session::new(mirror, &now).cancelled_by(&self.stop)
    }

    /// Opens another mirror than that of `--mirror`.
    pub(super) fn open_at(&self, site: &MirrorUrl) -> Outcome<Mirror> {
        let mirror = Mirror::open(site.open()?, &self.who, self.wait)?.warning_in(&self.warnings);
        let allowed = std::env::var_os(RUN_COMMANDS).is_some_and(|value| value == "1");
        Ok(if allowed { mirror.with_commands(Commands::Run) } else { mirror })
    }
}

/// What opens a mirror failed.
type OpenError = Box<dyn std::error::Error + Send + Sync>;

impl Context {
    /// Returns what opens another mirror for an operation, from any thread.
    pub(super) fn opener(&self) -> impl Fn(&str) -> Result<Mirror, OpenError> + Sync + use<> {
        let (who, wait, warnings) = (self.who.clone(), self.wait, self.warnings.clone());
        move |address: &str| {
            let store =
                MirrorUrl::read(address.into())?.open().map_err(|failure| failure.error.to_string())?;
            Ok(Mirror::open(store, &who, wait)?.warning_in(&warnings))
        }
    }
}

/// Returns the time now; the only place where the clock is read.
pub(super) fn now() -> Stamp {
    // A clock before 1970 or after 9999 is wrong in any case; at the start of time no build is old enough to expire.
    Stamp::from_instant(chrono::Utc::now()).unwrap_or_default()
}

/// Returns the actor: user, host and process, after the name of the person if one was given that is not the user.
pub(super) fn who(by: Option<&str>) -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| {
        let uid = rustix::process::getuid().as_raw();
        name_of(uid).unwrap_or_else(|| format!("uid {uid}"))
    });
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy().into_owned();
    let account = format!("{user}@{host}");
    let named = match by.filter(|by| !by.is_empty() && *by != user) {
        Some(by) => format!("{by} ({account})"),
        None => account,
    };
    let plain: String = named.chars().filter(|c| !is_unprintable(*c)).take(400).collect();
    format!("{plain} pid {}", std::process::id())
}
