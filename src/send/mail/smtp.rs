//! An SMTP session with STARTTLS, as far as one letter needs it, with a limit on every answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::cell::Cell;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The maximum size of an answer, in bytes.
const LONGEST: usize = 16 << 10;

/// Why a letter was not accepted.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpError {
    /// The connection broke, or there is none.
    #[error("the mail server cannot be reached: {0}")]
    Io(#[from] io::Error),
    /// It does not speak SMTP.
    #[error("the mail server sent nonsense")]
    Nonsense,
    /// It does not offer a required extension.
    #[error("the mail server does not offer {0}")]
    Lacks(&'static str),
    /// It gave an unexpected answer.
    #[error("{code} {text}")]
    Answered {
        /// The code.
        code: u16,
        /// Its message.
        text: String,
    },
}

/// A stream in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Returns a user and password as they are sent.
pub(super) fn login(user: &str, password: &str) -> String {
    STANDARD.encode(format!("\0{user}\0{password}"))
}

/// An SMTP session.
pub(super) struct Smtp {
    stream: Box<dyn Stream>,
    /// Input that is not parsed yet.
    rest: Vec<u8>,
}

impl Smtp {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, rest: Vec::new() }
    }

    /// Returns the stream for encryption; input that arrived before that is dropped.
    pub(super) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    /// Waits for the greeting of the server.
    pub(super) async fn greeted(&mut self) -> Result<(), SmtpError> {
        self.answer(220).await.map(drop)
    }

    /// Sends EHLO, and returns the server's extensions.
    pub(super) async fn hello(&mut self) -> Result<Vec<String>, SmtpError> {
        let name = rustix::system::uname();
        let name = name.nodename().to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let name: String = name.chars().filter(|c| plain(*c)).take(200).collect();
        let name = if name.is_empty() { "localhost".to_owned() } else { name };
        let offers = self.ask(&format!("EHLO {name}"), 250).await?;
        Ok(offers.lines().map(str::to_ascii_uppercase).collect())
    }

    /// Requests encryption of what follows.
    pub(super) async fn start_tls(&mut self) -> Result<(), SmtpError> {
        self.ask("STARTTLS", 220).await.map(drop)
    }

    /// Logs in.
    pub(super) async fn login(&mut self, user: &str, password: &str) -> Result<(), SmtpError> {
        self.ask(&format!("AUTH PLAIN {}", login(user, password)), 235).await.map(drop)
    }

    /// Sends a letter, whose lines have the right ends and none of which is a dot; returns the server's answer.
    ///
    /// `handed` becomes true when the server accepts the letter's text: a later failure may be caused by the letter.
    pub(super) async fn send(
        &mut self,
        from: &str,
        to: &[String],
        letter: &str,
        handed: &Cell<bool>,
    ) -> Result<String, SmtpError> {
        self.ask(&format!("MAIL FROM:<{from}>"), 250).await?;
        // A missing mailbox does not keep the letter from other recipients.
        let (mut refused, mut first) = (Vec::new(), None);
        for one in to {
            match self.ask(&format!("RCPT TO:<{one}>"), 250).await {
                // 251: it will be forwarded (RFC 5321, 4.2.3).
                Ok(_) | Err(SmtpError::Answered { code: 251, .. }) => {}
                Err(SmtpError::Answered { code, text }) if code >= 500 => {
                    refused.push(format!("not for {one}: {code} {text}"));
                    first.get_or_insert(SmtpError::Answered { code, text });
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = first.filter(|_| refused.len() == to.len()) {
            return Err(error);
        }
        self.ask("DATA", 354).await?;
        handed.set(true);
        let text = self.ask(&format!("{letter}."), 250).await?;
        Ok([vec![text], refused].concat().join("; "))
    }

    /// Ends the session.
    pub(super) async fn quit(mut self) {
        // The letter was accepted whatever follows now.
        self.stream.write_all(b"QUIT\r\n").await.ok();
        self.stream.flush().await.ok();
    }

    async fn ask(&mut self, line: &str, expected: u16) -> Result<String, SmtpError> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.flush().await?;
        self.answer(expected).await
    }

    /// Reads an answer, whose lines except the last have a `-` after the code.
    async fn answer(&mut self, expected: u16) -> Result<String, SmtpError> {
        let (mut text, mut read) = (String::new(), 0);
        loop {
            let line = self.line().await?;
            read += line.len();
            if read > LONGEST {
                return Err(SmtpError::Nonsense);
            }
            let line = String::from_utf8_lossy(&line).into_owned();
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).ok_or(SmtpError::Nonsense)?;
            if !text.is_empty() {
                text.push('\n');
            }
            text += line.get(4..).unwrap_or_default().trim_end();
            match line.as_bytes().get(3) {
                Some(b'-') => {}
                None | Some(b' ' | b'\r' | b'\n') if code == expected => return Ok(text),
                None | Some(b' ' | b'\r' | b'\n') => return Err(SmtpError::Answered { code, text }),
                Some(_) => return Err(SmtpError::Nonsense),
            }
        }
    }

    /// Reads a line.
    async fn line(&mut self) -> Result<Vec<u8>, SmtpError> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                return Ok(self.rest.drain(..=end).collect());
            }
            if self.rest.len() > LONGEST {
                return Err(SmtpError::Nonsense);
            }
            let mut piece = [0; 1024];
            let count = self.stream.read(&mut piece).await?;
            if count == 0 {
                return Err(SmtpError::Io(io::ErrorKind::UnexpectedEof.into()));
            }
            self.rest.extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }
}
