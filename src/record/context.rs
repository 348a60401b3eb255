//! CONTEXT: the commits from which a build was made, as lines that can be sourced in a shell.
//!
//! One line a git checkout, in the form of StarlingX' `git_context` tool:
//! `(cd ./cgcs-root/stx/stx-config && git checkout -f 22a60625f169202a68b524ac0126afb1d10921cd)`.
//! Because release managers run the file, a line that is not exactly of this form, with nothing in it that a shell
//! would expand, is refused. The last line ends with a newline, too: consumers cut the digits at fixed places.

use crate::model::version_order;
use std::fmt;

/// The commits of a build, one for each checkout, in version order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    checkouts: Vec<(String, String)>,
}

/// The problems of a CONTEXT file, each line with its reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ContextError {
    /// The first lines, at most ten.
    pub problems: Vec<ContextProblem>,
    /// The number of all such lines.
    pub count: usize,
}

/// One line that does not have the strict form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextProblem {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// How a line names the directory itself in which the file is sourced.
const ITSELF: &str = "./.";

/// The number of problems that a message lists.
const LISTED: usize = 10;

impl Context {
    /// Returns whether a line can name this directory, relative to where the file is sourced; `.` is that directory itself.
    pub fn can_name(dir: &str) -> bool {
        is_plain(&format!("./{dir}"))
    }

    /// Returns the context of these checkouts (directory relative to where the file is sourced, commit).
    pub fn of(checkouts: impl IntoIterator<Item = (String, String)>) -> Result<Self, ContextError> {
        let mut lines: Vec<String> =
            checkouts.into_iter().map(|(dir, commit)| line(&format!("./{dir}"), &commit)).collect();
        // The checkout around the others comes first.
        let itself = |line: &str| dir_of(line) == ITSELF;
        lines.sort_by(|a, b| itself(b).cmp(&itself(a)).then_with(|| version_order(dir_of(a), dir_of(b))));
        Self::parse(lines.concat().as_bytes())
    }

    /// Parses a CONTEXT file and refuses whatever does not have exactly the strict form.
    pub fn parse(bytes: &[u8]) -> Result<Self, ContextError> {
        let mut checkouts = Vec::new();
        let mut problems = Vec::new();
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').peekable();
        if lines.peek().is_none() {
            problems.push(ContextProblem {
                line: 1,
                why: "the file is empty; expected one line a checkout".into(),
            });
        }
        for (index, line) in lines.enumerate() {
            match checkout(line) {
                Ok(checkout) => checkouts.push(checkout),
                Err(why) => problems.push(ContextProblem { line: index + 1, why }),
            }
        }
        if problems.is_empty() {
            return Ok(Self { checkouts });
        }
        let count = problems.len();
        problems.truncate(LISTED);
        Err(ContextError { problems, count })
    }

    /// Returns the directories and their commits in the order of the file.
    pub fn checkouts(&self) -> &[(String, String)] {
        &self.checkouts
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.checkouts.iter().try_for_each(|(dir, commit)| f.write_str(&line(dir, commit)))
    }
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said: Vec<String> =
            self.problems.iter().map(|problem| format!("line {}: {}", problem.line, problem.why)).collect();
        f.write_str(&said.join("; "))?;
        match self.count - self.problems.len() {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

fn line(dir: &str, commit: &str) -> String {
    format!("(cd {dir} && git checkout -f {commit})\n")
}

/// Returns the text between `(cd ` and ` && `, for sorting.
fn dir_of(line: &str) -> &str {
    line.strip_prefix("(cd ").and_then(|rest| rest.split_once(" && ")).map_or(line, |(dir, _)| dir)
}

/// Returns whether a line may name this directory: below `./` or `./.` itself, without what a shell expands.
fn is_plain(dir: &str) -> bool {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '@' | '/' | '~' | ':');
    let below = dir.strip_prefix("./").unwrap_or_default();
    let climbs = below.split('/').any(|name| matches!(name, "" | "." | ".."));
    dir == ITSELF || !climbs && below.chars().all(plain)
}

/// Parses one line, with its end.
fn checkout(line: &[u8]) -> Result<(String, String), String> {
    const FORM: &str = "expected `(cd ./DIRECTORY && git checkout -f COMMIT)`";
    let text = str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    let Some(text) = text.strip_suffix('\n') else {
        return Err("the newline at the end of the file is missing".to_owned());
    };
    if text.ends_with('\r') {
        return Err("it ends with a carriage return (CRLF); expected a newline alone".to_owned());
    }
    let shown: String = text.chars().take(120).flat_map(char::escape_debug).collect();
    let inner = text.strip_prefix("(cd ").and_then(|rest| rest.strip_suffix(')'));
    let Some((dir, commit)) = inner.and_then(|inner| inner.split_once(" && git checkout -f ")) else {
        return Err(format!("`{shown}` has another form; {FORM}"));
    };
    if !is_plain(dir) {
        let wanted = "expected a path starting with `./`, without `..`, blanks or shell characters";
        return Err(format!("the directory `{}` is not plain; {wanted}", dir.escape_debug()));
    }
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    if !matches!(commit.len(), 40 | 64) || !commit.chars().all(hex) {
        return Err(format!(
            "`{}` is not a commit; expected 40 lower-case hexadecimal digits",
            commit.escape_debug()
        ));
    }
    Ok((dir.to_owned(), commit.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHA: &str = "22a60625f169202a68b524ac0126afb1d10921cd";

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = Context::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn the_form_of_the_real_tool_is_kept_to_the_letter() {
        let text = format!("(cd ./cgcs-root/stx/stx-config && git checkout -f {SHA})\n");
        assert_eq!(Context::parse(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn the_directory_in_which_the_file_is_sourced_has_a_line_too() {
        let context =
            Context::of([("sub".to_owned(), SHA.to_owned()), (".".to_owned(), SHA.to_owned())]).unwrap();
        let line = |dir: &str| format!("(cd {dir} && git checkout -f {SHA})\n");
        assert_eq!(context.to_string(), line("./.") + &line("./sub"));
        assert_eq!(Context::parse(context.to_string().as_bytes()).unwrap(), context);
        assert!(Context::can_name(".") && Context::can_name("a/b") && !Context::can_name("a b"));
    }

    #[test]
    fn what_a_shell_could_misread_is_refused_with_its_line() {
        let good = format!("(cd ./a && git checkout -f {SHA})\n");
        refused(&format!("{good}(cd ./b && git checkout -f {SHA}); rm -rf ~\n"), "line 2: `(cd ./b");
        refused(&format!("(cd ./$(id) && git checkout -f {SHA})\n"), "not plain");
        refused(&format!("(cd ./a b && git checkout -f {SHA})\n"), "not plain");
        refused(&format!("(cd ./a/../.. && git checkout -f {SHA})\n"), "not plain");
        refused(&format!("(cd /a && git checkout -f {SHA})\n"), "not plain");
        refused(&format!("(cd a && git checkout -f {SHA})\n"), "not plain");
        refused(&format!("(cd ./ && git checkout -f {SHA})\n"), "not plain");
        refused(&format!("(cd ./a/. && git checkout -f {SHA})\n"), "not plain");
        refused(&format!("(cd ././. && git checkout -f {SHA})\n"), "not plain");
        refused(&format!("(cd ./a  && git checkout -f {SHA})\n"), "not plain");
        refused(&format!("(cd ./a && git checkout -f {SHA})\r\n"), "CRLF");
        refused(&format!("(cd ./a && git checkout -f {SHA})"), "newline at the end");
        refused(&format!("{good}\n"), "line 2");
        refused("(cd ./a && git checkout -f 22a6)\n", "not a commit");
        refused(&format!("(cd ./a && git checkout -f {})\n", SHA.to_uppercase()), "not a commit");
        refused("", "empty");
        refused("# made by hand\n", "another form");
    }

    #[test]
    fn many_bad_lines_are_counted() {
        let error = Context::parse("x\n".repeat(25).as_bytes()).unwrap_err().to_string();
        assert!(error.contains("line 10:") && error.ends_with("and 15 more"), "{error}");
    }

    proptest! {
        #[test]
        fn a_context_prints_back_the_same(dirs in prop::collection::vec("[a-z0-9][a-z0-9._+-]{0,6}(/[a-z0-9]{1,4}){0,2}", 1..6)) {
            let context = Context::of(dirs.into_iter().map(|dir| (dir, SHA.to_owned()))).unwrap();
            prop_assert_eq!(Context::parse(context.to_string().as_bytes()).unwrap(), context);
        }

        #[test]
        fn a_line_that_is_read_holds_nothing_that_a_shell_expands(text in "\\(cd ./[ -~]{0,12} && git checkout -f [0-9a-f]{40}\\)\n") {
            if Context::parse(text.as_bytes()).is_ok() {
                let inner = text.replace(" && git checkout -f ", "").replace("(cd ", "");
                let inner = inner.trim_end_matches(")\n");
                prop_assert!(!inner.contains(['$', '`', ';', '&', '|', '<', '>', '*', '?', '(', ')', '\\', '"', '\'', ' ', '!', '#']));
            }
        }
    }
}
