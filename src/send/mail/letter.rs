//! An event as a letter: headers in ASCII, and the text in base64, so that nothing in it is parsed as a header or an
//! end.

use crate::decide::deliver::Mail;
use crate::model::{Stamp, shown};
use crate::send::message::Message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The maximum number of characters of a line of base64.
const LINE: usize = 76;

/// The maximum number of bytes of text in one encoded word of a header.
const WORD: usize = 45;

/// Returns the letter about an event, with the line ends of SMTP.
pub(super) fn letter(mail: &Mail, message: &Message, now: Stamp) -> String {
    let id = message.id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '.' });
    let id: String = id.collect();
    let host = mail.from.rsplit_once('@').map_or("localhost", |(_, host)| host);
    let text = format!("{}\n\n{}\n", subject(mail, message), pretty(&message.body));
    let body = STANDARD.encode(text.replace('\n', "\r\n"));
    let lines: Vec<&str> = (0..body.len())
        .step_by(LINE)
        .map(|from| body.get(from..(from + LINE).min(body.len())).unwrap_or_default())
        .collect();
    let headers = [
        ("Date", now.instant().to_rfc2822()),
        ("From", mail.from.clone()),
        ("To", mail.to.join(",\r\n ")),
        ("Subject", header(&subject(mail, message))),
        ("Message-ID", format!("<{id}@{host}>")),
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("Content-Transfer-Encoding", "base64".to_owned()),
    ];
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{headers}\r\n{}\r\n", lines.join("\r\n"))
}

/// Returns the subject with placeholders replaced, as one printable line.
fn subject(mail: &Mail, message: &Message) -> String {
    let fields = [
        ("{type}", &message.kind),
        ("{subject}", &message.subject),
        ("{stream}", &message.stream),
        ("{build}", &message.build),
    ];
    let text = fields.iter().fold(mail.subject.clone(), |text, (field, value)| text.replace(field, value));
    shown(&text).chars().take(500).collect()
}

/// Returns the text of an event for people.
fn pretty(body: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    serde_json::to_string_pretty(&event).unwrap_or_else(|_| body.to_owned())
}

/// Returns a header with words encoded if necessary.
fn header(text: &str) -> String {
    let is_plain = text.len() <= LINE && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_plain && !text.contains("=?") {
        return text.to_owned();
    }
    let (mut words, mut word) = (Vec::new(), String::new());
    for c in text.chars() {
        if word.len() + c.len_utf8() > WORD {
            words.push(std::mem::take(&mut word));
        }
        word.push(c);
    }
    words.push(word);
    let encoded = words.iter().map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
    encoded.collect::<Vec<_>>().join("\r\n ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_letter_is_read_as_a_header_or_an_end() {
        let mail = Mail {
            url: crate::decide::deliver::Address::Env("X".to_owned()),
            from: "mirror@example.org".to_owned(),
            to: vec!["a@example.org".to_owned()],
            subject: "{type}: {subject} {stream}".to_owned(),
        };
        let message = Message {
            id: "x y/7".to_owned(),
            kind: "build.published".to_owned(),
            subject: "a\r\nBcc: victim@example.org\r\n.\r\nü".to_owned(),
            body: "{\"a\":\".\\r\\n.\\r\\n\"}".to_owned(),
            ..Message::default()
        };
        let letter = letter(&mail, &message, Stamp::default());
        assert!(letter.is_ascii() && !letter.contains("Bcc") && !letter.contains("\r\n.\r\n"), "{letter}");
        assert!(letter.lines().all(|line| line.len() <= 100), "{letter}");
        assert!(letter.contains("Message-ID: <x.y.7@example.org>\r\n"), "{letter}");
        let (_, body) = letter.split_once("\r\n\r\n").unwrap();
        let body = STANDARD.decode(body.replace("\r\n", "")).unwrap();
        assert!(String::from_utf8(body).unwrap().starts_with("build.published: a\\r\\nBcc: victim"));
    }
}
