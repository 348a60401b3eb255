//! The verb `export`: what other programs need to know of a mirror.

use super::args::{RedirectsArgs, ServerArg};
use super::context::Context;
use super::exit::{Outcome, Usage};
use super::say;
use crate::mirror::{Mirror, Resolved, links};
use crate::model::{Class, Classify, ErrorKind, RelPath, unprintable};
use crate::ops::Mode;
use crate::render::{Redirect, Server, redirects as write};
use serde_json::json;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Says why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`")]
struct WriteError {
    path: String,
    source: io::Error,
}

impl Classify for WriteError {
    fn class(&self) -> Class {
        ErrorKind::Failed.into()
    }
}

pub(super) fn redirects(setting: &Context, args: &RedirectsArgs) -> Outcome {
    let mirror = setting.open()?;
    let path =
        |text: &str| text.trim_matches('/').parse::<RelPath>().map_err(|error| Usage(format!("{error}")));
    let under = args.under.as_deref().map_or_else(|| Ok(setting.mirror.prefix()), path)?;
    let wanted: Result<Vec<RelPath>, Usage> = args.aliases.iter().map(|alias| path(alias)).collect();
    let names = names(&mirror, &wanted?)?;
    let server = match args.server {
        ServerArg::Nginx => Server::Nginx,
        ServerArg::Apache => Server::Apache,
        ServerArg::S3Website => Server::S3Website,
        ServerArg::S3WebsiteXml => Server::S3WebsiteXml,
        ServerArg::Cloudfront => Server::Cloudfront,
    };
    let text = write(server, &names, &under)?;
    let mode = Mode::of(args.dry_run);
    let changed = args.out.as_deref().map(|out| replace(out, &text, mode)).transpose()?;
    if setting.json {
        let told: Vec<_> = names.iter().map(|name| json!({"alias": name.from, "to": name.to})).collect();
        let text = args.out.is_none().then_some(text);
        say::data(
            &json!({"redirects": 1, "names": told, "dry_run": args.dry_run, "out": args.out, "changed": changed, "text": text}),
        );
        return Ok(());
    }
    match (&args.out, changed) {
        (Some(out), changed) => {
            let done = match (changed, mode) {
                (Some(true), Mode::Real) => "is written",
                (Some(true), Mode::Trial) => "would be written",
                (_, Mode::Real) => "is unchanged",
                (_, Mode::Trial) => "would be unchanged",
            };
            let names = say::count(names.len() as u64, "name");
            say::note(&format!("`{}` {done} ({names})", out.display()));
        }
        (None, _) => say::verbatim(&text),
    }
    Ok(())
}

/// Returns the names that were asked for and where they lead; one that leads nowhere is said and left out.
fn names(mirror: &Mirror, wanted: &[RelPath]) -> Outcome<Vec<Redirect>> {
    let found = links(mirror)?.links;
    if let Some(missing) = wanted.iter().find(|alias| !found.iter().any(|(path, _)| path == *alias)) {
        return Err(
            Usage(format!("there is no alias `{missing}`; `mirrorkeep alias list` tells them")).into()
        );
    }
    let mut names = Vec::new();
    for (from, to) in found {
        if !wanted.is_empty() && !wanted.contains(&from) {
            continue;
        }
        match to {
            Resolved::To(to) if unprintable(from.as_str()).or(unprintable(to.as_str())).is_some() => {
                say::note(&format!(
                    "warning: `{from}` leads to `{to}`: one of the two has a character that is not printable, and the name is left out"
                ));
            }
            Resolved::To(to) if !to.is_root() => names.push(Redirect { from, to }),
            _ => say::note(&format!("warning: `{from}` leads to no build or directory and is left out")),
        }
    }
    names.sort();
    Ok(names)
}

/// Writes a file in one step, so that a server that reads it finds the old text or the new; returns whether it changed.
///
/// A trial looks whether it would.
fn replace(out: &Path, text: &str, mode: Mode) -> Outcome<bool> {
    let failed = |source| WriteError { path: out.display().to_string(), source };
    match fs::read(out) {
        Ok(old) if old == text.as_bytes() => return Ok(false),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error).into()),
        _ => {}
    }
    let dir = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if mode == Mode::Trial {
        fs::metadata(dir).map_err(failed)?;
        return Ok(true);
    }
    // As readable as any new file of the user: servers read it.
    let permissions = fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(dir).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(out).map_err(|error| failed(error.error))?;
    Ok(true)
}
