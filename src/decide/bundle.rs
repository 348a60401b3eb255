//! The contents of a bundle: the joined files of its members, and the MD5 that is its name.

use crate::layout::{Bundled, Made};
use crate::model::BuildId;
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;

/// A member with those of its files that become part of a bundle.
#[derive(Debug, Clone)]
pub struct Member {
    /// The build.
    pub id: BuildId,
    /// The files by their names.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// The files of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The name of the build: the MD5 of one of its files.
    pub name: String,
    /// Its files by their names.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Why files cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// A member lacks a file.
    #[error("`{id}` has no file `{file}`")]
    Lacks {
        /// The member.
        id: BuildId,
        /// The file.
        file: String,
    },
    /// The columns of a table differ from those of the others.
    #[error(
        "the first line of `{file}` in `{id}` does not fit the other members: it is `{found}`, expected `{expected}` or its first columns"
    )]
    Columns {
        /// The member.
        id: BuildId,
        /// The file.
        file: String,
        /// Its first line.
        found: String,
        /// The first line of the member with the most columns.
        expected: String,
    },
}

/// Returns the files of a bundle of these members, in their order.
pub fn content(rules: &[Bundled], members: &[Member]) -> Result<Content, ContentError> {
    let mut content = Content { name: String::new(), files: BTreeMap::new() };
    for rule in rules {
        let bytes = match &rule.made {
            Made::Joined { after } => joined(&rule.file, after, members)?,
            Made::Table => table(&rule.file, members)?,
            Made::Md5 { .. } => continue,
        };
        content.files.insert(rule.file.clone(), bytes);
    }
    for rule in rules {
        if let Made::Md5 { of } = &rule.made {
            let hash = Md5::digest(content.files.get(of).map(Vec::as_slice).unwrap_or_default());
            content.name = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            content.files.insert(rule.file.clone(), content.name.clone().into_bytes());
        }
    }
    Ok(content)
}

fn file<'a>(member: &'a Member, name: &str) -> Result<&'a [u8], ContentError> {
    let lacks = || ContentError::Lacks { id: member.id.clone(), file: name.to_owned() };
    member.files.get(name).map(Vec::as_slice).ok_or_else(lacks)
}

fn joined(name: &str, after: &str, members: &[Member]) -> Result<Vec<u8>, ContentError> {
    let mut bytes = Vec::new();
    for member in members {
        bytes.extend_from_slice(file(member, name)?);
        bytes.extend_from_slice(after.as_bytes());
    }
    Ok(bytes)
}

/// Returns tables joined below the longest first line. Columns were added at the end over time: the rows of a member
/// that lacks some get empty ones.
fn table(name: &str, members: &[Member]) -> Result<Vec<u8>, ContentError> {
    let mut tables = Vec::new();
    for member in members {
        let mut lines = file(member, name)?.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let rows: Vec<&[u8]> = lines.map(|row| row.strip_suffix(b"\r").unwrap_or(row)).collect();
        tables.push((member, first.strip_suffix(b"\r").unwrap_or(first), rows));
    }
    let header =
        tables.iter().map(|(_, first, _)| *first).max_by_key(|first| columns(first)).unwrap_or_default();
    let mut bytes = [header, b"\n"].concat();
    for (member, first, rows) in tables {
        let missing = columns(header).saturating_sub(columns(first));
        let begins = header.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with(b","));
        // Within quotes, line ends and commas are plain text.
        let plain = missing == 0 || rows.iter().all(|row| !row.contains(&b'"'));
        if !begins || first.is_empty() || !plain {
            let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
            let (id, file) = (member.id.clone(), name.to_owned());
            return Err(ContentError::Columns { id, file, found: text(first), expected: text(header) });
        }
        for row in rows.into_iter().filter(|row| !row.is_empty()) {
            bytes.extend_from_slice(row);
            bytes.extend(std::iter::repeat_n(b',', missing));
            bytes.push(b'\n');
        }
    }
    Ok(bytes)
}

fn columns(line: &[u8]) -> usize {
    line.split(|byte| *byte == b',').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> Vec<Bundled> {
        let rule = |file: &str, made| Bundled { file: file.to_owned(), made };
        vec![
            rule("sum", Made::Md5 { of: "repo".to_owned() }),
            rule("repo", Made::Joined { after: "\n".to_owned() }),
            rule("csv", Made::Table),
        ]
    }

    fn member(name: &str, repo: &str, csv: &str) -> Member {
        let files = [("repo", repo), ("csv", csv)];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        Member { id: format!("w/{name}/b").parse().unwrap(), files: BTreeMap::from(files) }
    }

    fn text<'a>(content: &'a Content, file: &str) -> &'a str {
        str::from_utf8(&content.files[file]).unwrap()
    }

    #[test]
    fn files_are_joined_in_order_and_the_md5_names_the_build() {
        let members = [member("a", "[a]\n", "Name,Sha\na,1\n"), member("b", "[b]\n", "Name,Sha\nb,2")];
        let content = content(&rules(), &members).unwrap();
        assert_eq!(text(&content, "repo"), "[a]\n\n[b]\n\n");
        assert_eq!(text(&content, "csv"), "Name,Sha\na,1\nb,2\n");
        // As printed by `md5sum`.
        assert_eq!(content.name, "195ee6982ab26ad17e723e5d21d2fc60");
        assert_eq!(text(&content, "sum"), content.name);
    }

    #[test]
    fn columns_that_were_added_are_empty_where_a_member_lacks_them_and_others_are_an_error() {
        let old = member("a", "", "Name\na\n");
        let new = member("b", "", "Name,Sha,\"x\"\nb,1,2\n");
        let both = content(&rules(), &[old.clone(), new.clone()]).unwrap();
        assert_eq!(text(&both, "csv"), "Name,Sha,\"x\"\na,,\nb,1,2\n");
        for (other, found) in
            [("Nam\na\n", "Nam"), ("", ""), ("Sha,Name\n", "Sha,Name"), ("Name\n\"a\n\"\n", "Name")]
        {
            let error = content(&rules(), &[member("c", "", other), new.clone()]).unwrap_err();
            let ContentError::Columns { id, found: is, .. } = error else { panic!("{error}") };
            assert_eq!((id.to_string(), &*is), ("w/c/b".to_owned(), found));
        }
        let mut without = old;
        without.files.remove("csv");
        let error = content(&rules(), &[new, without]).unwrap_err();
        assert_eq!(error.to_string(), "`w/a/b` has no file `csv`");
    }

    proptest! {
        #[test]
        fn nothing_of_a_member_is_lost(parts in prop::collection::vec(("[a-z\n]{0,9}", 0..4_usize), 1..6)) {
            let member = |(index, (repo, rows)): (usize, &(String, usize))| {
                let rows: String = (0..*rows).map(|row| format!("{index},{row}\n")).collect();
                member(&format!("m{index}"), repo, &format!("Part,Row\n{rows}"))
            };
            let members: Vec<Member> = parts.iter().enumerate().map(member).collect();
            let made = content(&rules(), &members).unwrap();
            let rows: usize = parts.iter().map(|(_, rows)| rows).sum();
            prop_assert_eq!(text(&made, "csv").lines().count(), rows + 1);
            let mut rest = text(&made, "repo");
            for (repo, _) in &parts {
                rest = rest.strip_prefix(repo.as_str()).and_then(|rest| rest.strip_prefix('\n')).unwrap();
            }
            prop_assert!(rest.is_empty());
            prop_assert!(made.name.len() == 32 && made.name.chars().all(|c| c.is_ascii_hexdigit()));
            // The same members make the same build, and fewer make another one.
            prop_assert_eq!(&content(&rules(), &members).unwrap(), &made);
            let fewer = content(&rules(), &members[1..]).unwrap();
            prop_assert_ne!(&fewer.name, &made.name);
        }
    }
}
