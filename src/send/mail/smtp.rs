//! A conversation with a mail server: SMTP with STARTTLS, as far as one letter needs it, with a limit on every answer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::cell::Cell;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most bytes of an answer.
const LONGEST: usize = 16 << 10;

/// Says why a letter was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpError {
    /// The connection broke, or there is none.
    #[error("the mail server cannot be reached: {0}")]
    Io(#[from] io::Error),
    /// It does not speak SMTP.
    #[error("the mail server sent nonsense")]
    Nonsense,
    /// It does not offer what is needed.
    #[error("the mail server does not offer {0}")]
    Lacks(&'static str),
    /// It answered otherwise than is needed.
    #[error("{code} {text}")]
    Answered {
        /// The code.
        code: u16,
        /// What it said.
        text: String,
    },
}

/// Bytes in both directions.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Returns a user and password as they are sent.
pub(super) fn login(user: &str, password: &str) -> String {
    STANDARD.encode(format!("\0{user}\0{password}"))
}

/// A conversation.
pub(super) struct Smtp {
    stream: Box<dyn Stream>,
    /// What was read and not looked at yet.
    rest: Vec<u8>,
}

impl Smtp {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, rest: Vec::new() }
    }

    /// Returns the bytes in both directions, to be encrypted; what came before that and was not read is thrown away.
    pub(super) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    /// Waits for the first word of the server.
    pub(super) async fn greeted(&mut self) -> Result<(), SmtpError> {
        self.answer(220).await.map(drop)
    }

    /// Greets, and returns what the server offers.
    pub(super) async fn hello(&mut self) -> Result<Vec<String>, SmtpError> {
        let name = rustix::system::uname();
        let name = name.nodename().to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let name: String = name.chars().filter(|c| plain(*c)).take(200).collect();
        let name = if name.is_empty() { "localhost".to_owned() } else { name };
        let offers = self.ask(&format!("EHLO {name}"), 250).await?;
        Ok(offers.lines().map(str::to_ascii_uppercase).collect())
    }

    /// Asks to encrypt what follows.
    pub(super) async fn start_tls(&mut self) -> Result<(), SmtpError> {
        self.ask("STARTTLS", 220).await.map(drop)
    }

    /// Logs in.
    pub(super) async fn login(&mut self, user: &str, password: &str) -> Result<(), SmtpError> {
        self.ask(&format!("AUTH PLAIN {}", login(user, password)), 235).await.map(drop)
    }

    /// Hands a letter over, whose lines end as they must and none of which is a dot; returns what the server says.
    /// It is noted when the server wants the letter: what fails then may be the fault of the letter.
    pub(super) async fn send(
        &mut self,
        from: &str,
        to: &[String],
        letter: &str,
        handed: &Cell<bool>,
    ) -> Result<String, SmtpError> {
        self.ask(&format!("MAIL FROM:<{from}>"), 250).await?;
        for one in to {
            self.ask(&format!("RCPT TO:<{one}>"), 250).await?;
        }
        self.ask("DATA", 354).await?;
        handed.set(true);
        self.ask(&format!("{letter}."), 250).await
    }

    /// Says goodbye.
    pub(super) async fn quit(mut self) {
        // The letter was taken whatever comes now.
        self.stream.write_all(b"QUIT\r\n").await.ok();
        self.stream.flush().await.ok();
    }

    async fn ask(&mut self, line: &str, expected: u16) -> Result<String, SmtpError> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.flush().await?;
        self.answer(expected).await
    }

    /// Reads an answer, whose lines but the last have a `-` behind the code.
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
