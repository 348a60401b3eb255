//! Writing a source file anew, with a switch at every place at which something can be changed.
//!
//! Each change stands between two comments with its number, so that what the compiler says of it is told to be of it.

use crate::site::{Kind, Site};
use std::{fmt::Write, ops::Range};

/// Returns the text with a switch for each change.
pub(crate) fn switched(text: &str, sites: &[Site]) -> String {
    Writing { text, sites }.part(0..text.len(), 0)
}

struct Writing<'a> {
    text: &'a str,
    sites: &'a [Site],
}

fn is(id: usize) -> String {
    format!("crate::mutant::is({id})")
}

fn marked(id: usize, text: &str) -> String {
    format!("/*<{id}*/{text}/*{id}>*/")
}

impl Writing<'_> {
    /// Returns a part of the text, with the switches of the sites from the `from`-th on that lie in it.
    fn part(&self, at: Range<usize>, from: usize) -> String {
        let mut out = String::new();
        let mut done = at.start;
        for (index, site) in self.sites.iter().enumerate().skip(from) {
            if site.at.start < done || site.at.start < at.start || site.at.end > at.end {
                continue;
            }
            out.push_str(&self.text[done..site.at.start]);
            out.push_str(&self.site(site, index + 1));
            done = site.at.end;
        }
        out.push_str(&self.text[done..at.end]);
        out
    }

    fn site(&self, site: &Site, from: usize) -> String {
        let part = |at: &Range<usize>| self.part(at.clone(), from);
        // One way for each change, and then what was there.
        let ways = |way: &dyn Fn(&str) -> String, plain: String| {
            let mut out = String::from("(");
            for (id, new) in &site.changes {
                write!(out, "if {} {{ {} }} else ", is(*id), marked(*id, &way(new))).ok();
            }
            out + &format!("{{ {plain} }})")
        };
        match &site.kind {
            Kind::Body => {
                let mut out = String::new();
                for (id, new) in &site.changes {
                    write!(out, "if {} {{ return {}; }} ", is(*id), marked(*id, new)).ok();
                }
                out + &part(&site.at)
            }
            Kind::Iterator(bounds) => {
                let boxed = |text: &str| format!("Box::new({text})");
                let plain = boxed(&format!("{{ {} }}", part(&site.at)));
                format!("let all: Box<dyn {bounds} + '_> = {}; all", ways(&boxed, plain))
            }
            Kind::Binary { left, operator, right } => {
                let (left, right) = (part(left), part(right));
                let old = &self.text[operator.clone()];
                ways(&|new| format!("{left} {new} {right}"), format!("{left} {old} {right}"))
            }
            Kind::Unary { of } => {
                let operator = &self.text[site.at.start..of.start];
                let of = part(of);
                ways(&|_| of.clone(), format!("{operator}{of}"))
            }
            Kind::Pattern => {
                site.changes.iter().map(|(id, _)| marked(*id, &format!(" if !{}", is(*id)))).collect()
            }
            Kind::Guard(out) => {
                let guard = |of: &str| site.changes.iter().find(|(id, new)| Some(*id) != *out && new == of);
                let mut text = format!("({})", part(&site.at));
                if let Some((id, _)) = guard("true") {
                    text = format!("({} || {text})", marked(*id, &is(*id)));
                }
                for id in guard("false").map(|(id, _)| *id).into_iter().chain(*out) {
                    text = format!("({} && {text})", marked(id, &format!("!{}", is(id))));
                }
                text
            }
            Kind::Value(left_out) => {
                let mut out = String::from("(");
                for ((id, _), field) in site.changes.iter().zip(left_out) {
                    let (before, after) =
                        (part(&(site.at.start..field.start)), part(&(field.end..site.at.end)));
                    write!(out, "if {} {{ {} }} else ", is(*id), marked(*id, &(before + &after))).ok();
                }
                out + &format!("{{ {} }})", part(&site.at))
            }
        }
    }
}

/// Returns the changes that an error at these bytes of a file is about; none when it is about something else.
pub(crate) fn meant(text: &str, at: Range<usize>) -> Vec<usize> {
    let mut open = Vec::new();
    let mut whole = Vec::new();
    let mut touched = Vec::new();
    for (start, _) in text.match_indices("/*") {
        let Some(length) = text[start..].find("*/") else { break };
        let word = &text[start + 2..start + length];
        if let Some(id) = word.strip_prefix('<').and_then(|id| id.parse::<usize>().ok()) {
            open.push((id, start));
        } else if let Some(id) = word.strip_suffix('>').and_then(|id| id.parse::<usize>().ok()) {
            let Some((_, from)) = open.pop() else { break };
            let end = start + length + 2;
            if from <= at.start && at.end <= end {
                whole.push((end - from, id));
            } else if from < at.end && at.start < end {
                touched.push(id);
            }
        }
    }
    match whole.into_iter().min() {
        Some((_, id)) => vec![id],
        None => touched,
    }
}
