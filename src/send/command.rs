//! An event to a command: without a shell, with the event on standard input.

use super::answer::{Answer, said};
use super::message::{Message, Sender};
use crate::decide::deliver::Command;
use crate::exec::MINISIGN_PASSWORD;
use crate::exec::{End, Job, run};
use crate::progress::CancelToken;
use std::time::Duration;

/// The exit code by which a command requests another attempt later.
const LATER: i32 = 75;

/// Runs a command for each event.
#[derive(Debug)]
pub(super) struct CommandSender {
    words: Vec<String>,
    limit: Duration,
    /// The variables with secrets of other subscribers.
    without: Vec<String>,
    mirror: String,
}

impl CommandSender {
    pub(super) fn new(command: &Command, limit: Duration, secrets: Vec<String>, mirror: String) -> Self {
        let without = secrets.into_iter().chain([MINISIGN_PASSWORD.to_owned()]).collect();
        Self { words: command.0.clone(), limit, without, mirror }
    }
}

impl Sender for CommandSender {
    fn send(&mut self, message: &Message, stop: &CancelToken) -> Answer {
        let words = match filled(&self.words, message) {
            Ok(words) => words,
            Err(why) => return Answer::Final(why),
        };
        let env = [
            ("MIRRORKEEP_MIRROR", self.mirror.clone()),
            ("MIRRORKEEP_EVENT_ID", message.id.clone()),
            ("MIRRORKEEP_EVENT_SEQ", message.seq.to_string()),
            ("MIRRORKEEP_EVENT_TYPE", message.kind.clone()),
            ("MIRRORKEEP_EVENT_SUBJECT", message.subject.clone()),
            ("MIRRORKEEP_STREAM", message.stream.clone()),
            ("MIRRORKEEP_BUILD", message.build.clone()),
            ("MIRRORKEEP_PATH", message.path.clone()),
        ];
        let without: Vec<&str> = self.without.iter().map(String::as_str).collect();
        let input = format!("{}\n", message.body);
        let job = Job {
            words: &words,
            env: &env,
            without: &without,
            input: input.as_bytes(),
            limit: self.limit,
            lock: None,
        };
        let ran = match run(&job, stop) {
            Ok(ran) => ran,
            // The program may have been removed for a while.
            Err(error) => return Answer::Later(said(&causes(&error)), None),
        };
        let last =
            ran.output.lines().rev().find(|line| !line.trim().is_empty()).map(said).unwrap_or_default();
        let end = if last.is_empty() { ran.end.to_string() } else { format!("{}: {last}", ran.end) };
        match ran.end {
            End::Code(0) => Answer::Accepted(end),
            End::Code(LATER) => Answer::Later(end, None),
            End::Stopped => Answer::Stopped,
            End::Code(_) | End::Signal(_) | End::TimeLimit(_) => Answer::Refused(end, None),
        }
    }
}

/// Returns an error with its cause.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Returns the arguments with placeholders replaced; fails if one would become an option.
fn filled(words: &[String], message: &Message) -> Result<Vec<String>, String> {
    let seq = message.seq.to_string();
    let fields = [
        ("{stream}", &message.stream),
        ("{build}", &message.build),
        ("{path}", &message.path),
        ("{subject}", &message.subject),
        ("{type}", &message.kind),
        ("{seq}", &seq),
    ];
    let fill = |word: &String| {
        // From left to right, once: replaced text is not replaced again.
        let (mut made, mut rest) = (String::new(), word.as_str());
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            made += before;
            match fields.iter().find(|(field, _)| from.starts_with(field)) {
                Some((field, value)) => {
                    made += value;
                    rest = from.get(field.len()..).unwrap_or_default();
                }
                None => {
                    made.push('{');
                    rest = from.get(1..).unwrap_or_default();
                }
            }
        }
        made += rest;
        if made.starts_with('-') && !word.starts_with('-') {
            return Err(format!("`{}` would be read as an option", said(&made)));
        }
        Ok(made)
    };
    words.iter().map(fill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(words: &[&str], limit: Duration) -> Answer {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let mut sender = CommandSender::new(&Command(words), limit, vec!["HOME".to_owned()], "/m".to_owned());
        let message = Message {
            id: "x/7".to_owned(),
            seq: 7,
            stream: "master/centos".to_owned(),
            body: "{\"a\":1}".to_owned(),
            ..Message::default()
        };
        sender.send(&message, &CancelToken::new())
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn a_command_gets_the_event_and_its_exit_code_is_the_answer() {
        let script = "read line; echo \"$line $MIRRORKEEP_EVENT_SEQ $MIRRORKEEP_STREAM $1 ${HOME-gone}\"";
        let answer = sent(&["sh", "-c", script, "sh", "<{stream}>"], LONG);
        let said = "it ended with exit code 0: {\"a\":1} 7 master/centos <master/centos> gone";
        assert_eq!(answer, Answer::Accepted(said.to_owned()));
        let said = |code: i32| format!("it ended with exit code {code}");
        assert_eq!(sent(&["sh", "-c", "exit 75"], LONG), Answer::Later(said(75), None));
        assert_eq!(sent(&["sh", "-c", "exit 1"], LONG), Answer::Refused(said(1), None));
        assert!(matches!(sent(&["sh", "-c", "kill -9 $$"], LONG), Answer::Refused(..)));
        assert!(matches!(sent(&["sleep", "60"], Duration::from_millis(100)), Answer::Refused(..)));
        assert!(matches!(sent(&["/no/such/program"], LONG), Answer::Later(..)));
    }

    #[test]
    fn fields_are_filled_in_once_and_make_no_option() {
        let message =
            Message { stream: "{subject}".to_owned(), subject: "-rf".to_owned(), ..Message::default() };
        let fill = |word: &str| filled(&[word.to_owned()], &message);
        assert_eq!(fill("a{stream}{subject}"), Ok(vec!["a{subject}-rf".to_owned()]));
        assert_eq!(fill("--subject={subject}"), Ok(vec!["--subject=-rf".to_owned()]));
        assert!(fill("{subject}").unwrap_err().contains("would be read as an option"));
    }
}
