//! Manual pages: one for the program, or one for the program and each verb, with the variables and files that all
//! share.

use super::answer::{Sorted, Version};
use super::args::{ENVIRONMENT, FILES};
use super::context::Context;
use super::exit::{Failed, Outcome};
use super::{guide, say};
use clap::Command;
use clap_mangen::Man;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// The answer of `man`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ManAnswer {
    man: Version,
    /// The manual page.
    text: String,
}

/// The answer of `man --out`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PagesAnswer {
    man: Version,
    /// The names of the pages that were written.
    files: Vec<String>,
}

pub(super) fn man(setting: &Context, out: Option<&Path>) -> Outcome {
    let Some(dir) = out else {
        let text = page(guide::command())?;
        if setting.json {
            say::data(&Sorted(ManAnswer { man: Version, text }));
        } else {
            say::verbatim(&text);
        }
        return Ok(());
    };
    let failed = |error: std::io::Error| Failed(format!("cannot write into `{}`: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut command = guide::command();
    // Fills in the full names of the verbs, and the options of every verb.
    command.build();
    let mut files = Vec::new();
    for (name, text) in pages(&command, "mirrorkeep")? {
        let file = format!("{name}.1");
        std::fs::write(dir.join(&file), text).map_err(failed)?;
        files.push(file);
    }
    if setting.json {
        say::data(&Sorted(PagesAnswer { man: Version, files }));
    } else {
        say::out(&format!("wrote {} into `{}`\n", say::count(files.len() as u64, "page"), dir.display()));
    }
    Ok(())
}

/// Returns the page of a command and of every verb below it, each with its name.
fn pages(command: &Command, name: &str) -> Outcome<Vec<(String, String)>> {
    // The page of a verb is found by its full name, `man mirrorkeep-alias-set`.
    let own = command.clone().name(name.to_owned()).display_name(name);
    let mut found = vec![(name.to_owned(), page(own)?)];
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        found.extend(pages(verb, &format!("{name}-{}", verb.get_name()))?);
    }
    Ok(found)
}

fn page(command: Command) -> Outcome<String> {
    let mut text = Vec::new();
    Man::new(command).render(&mut text).map_err(|error| Failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(sections(&text) + ENVIRONMENT + FILES)
}

/// Turns the text after the options into the sections in which readers of manual pages look for it.
fn sections(page: &str) -> String {
    let Some((before, rest)) = page.split_once("\n.SH EXTRA\n") else { return page.to_owned() };
    let (extra, after) = rest.split_at(rest.find("\n.SH ").map_or(rest.len(), |end| end + 1));
    let mut lines = vec![before];
    let (mut has_section, mut is_filled) = (false, true);
    for line in extra.lines() {
        let section = match line {
            "Exit codes:" => ".SH \"EXIT STATUS\"",
            "Example:" | "Examples:" => ".SH EXAMPLES",
            _ => {
                if !has_section && !line.is_empty() {
                    lines.push(".SH NOTES");
                    has_section = true;
                }
                lines.push(line);
                continue;
            }
        };
        if !is_filled {
            lines.push(".fi");
        }
        // Tables and commands keep their line breaks.
        lines.extend([section, ".nf"]);
        (has_section, is_filled) = (true, false);
    }
    if !is_filled {
        lines.push(".fi");
    }
    lines.join("\n") + "\n" + after
}
