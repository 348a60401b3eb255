//! An event to people: a letter to a mail server, encrypted if the server supports it, or if the address requires it.
//!
//! The client implements as much of SMTP as one letter needs, since `lettre` reads answers of any length. Letters
//! that need a password are not sent over an unencrypted connection.

mod letter;
mod smtp;

use super::answer::Answer;
use super::message::{Message, Sender};
use super::network::Network;
use super::secret::{SendError, variable};
use super::tls::encrypted;
use super::veil::Veil;
use crate::decide::deliver::{Address, Mail, mail_address};
use crate::model::Stamp;
use crate::model::registry::is_loopback;
use crate::progress::CancelToken;
use percent_encoding::percent_decode_str;
use smtp::{Smtp, SmtpError};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use url::Url;

/// Sends letters through a mail server.
pub(in crate::send) struct MailSender {
    mail: Mail,
    server: Server,
    veil: Veil,
    limit: Duration,
    network: Arc<Network>,
}

/// The address of a mail server, and the login.
#[derive(Clone, PartialEq, Eq)]
struct Server {
    host: String,
    port: u16,
    /// Whether the connection is encrypted from the beginning.
    tls: bool,
    login: Option<(String, String)>,
}

impl MailSender {
    pub(in crate::send) fn new(
        mail: &Mail,
        limit: Duration,
        network: Arc<Network>,
    ) -> Result<Self, SendError> {
        let (url, mut veil) = match &mail.url {
            Address::Given(url) => (url.as_ref().clone(), Veil::default()),
            Address::Env(name) => {
                let url = mail_address(variable(name)?.trim());
                let url = url.map_err(|why| SendError::Address(name.clone(), why))?;
                let veil = Veil::of_address(&url);
                (url, veil)
            }
        };
        let server = server(&url);
        if let Some((user, password)) = &server.login {
            veil.hide(&smtp::login(user, password));
        }
        Ok(Self { mail: mail.clone(), server, veil, limit, network })
    }
}

impl Sender for MailSender {
    fn send(&mut self, message: &Message, stop: &CancelToken) -> Answer {
        let now = Stamp::from_instant(chrono::Utc::now()).unwrap_or_default();
        let handed = Cell::new(false);
        let letter = letter::letter(&self.mail, message, now);
        match self.network.within(self.limit, stop, sent(&self.server, &self.mail, &letter, &handed)) {
            Some(Ok(Ok(text))) => Answer::Accepted(self.veil.said(&text)),
            Some(Ok(Err(error))) => refused(&error, handed.get(), &self.veil),
            Some(Err(_)) => {
                let text = format!("no answer within {} s", self.limit.as_secs());
                if handed.get() { Answer::Refused(text, None) } else { Answer::Later(text, None) }
            }
            None => Answer::Stopped,
        }
    }
}

/// Sends a letter, and returns the server's answer.
async fn sent(server: &Server, mail: &Mail, letter: &str, handed: &Cell<bool>) -> Result<String, SmtpError> {
    let tcp = TcpStream::connect((server.host.as_str(), server.port)).await?;
    let mut smtp = if server.tls {
        Smtp::new(Box::new(encrypted(&server.host, tcp).await?))
    } else {
        Smtp::new(Box::new(tcp))
    };
    smtp.greeted().await?;
    let mut offers = smtp.hello().await?;
    let mut is_secret = server.tls || is_loopback(&server.host);
    // The connection to a server on this machine does not leave it, and its certificate is not signed by an
    // authority.
    let stays_here = is_loopback(&server.host) && server.login.is_none();
    if !server.tls && !stays_here && offers.iter().any(|offer| offer == "STARTTLS") {
        smtp.start_tls().await?;
        smtp = Smtp::new(Box::new(encrypted(&server.host, smtp.into_stream()).await?));
        offers = smtp.hello().await?;
        is_secret = true;
    }
    if let Some((user, password)) = &server.login {
        if !is_secret {
            return Err(SmtpError::Lacks("encryption, which a password needs"));
        }
        if !offers
            .iter()
            .any(|offer| offer.starts_with("AUTH ") && offer.split(' ').any(|one| one == "PLAIN"))
        {
            return Err(SmtpError::Lacks("a login with a password"));
        }
        smtp.login(user, password).await?;
    }
    let text = smtp.send(&mail.from, &mail.to, letter, handed).await?;
    smtp.quit().await;
    Ok(text)
}

/// Returns the meaning of an error for an event: a permanent error is final for the letter, except at the login. If
/// the server accepts the letter and then does not answer, the letter may be the cause.
fn refused(error: &SmtpError, handed: bool, veil: &Veil) -> Answer {
    let text = veil.said(&error.to_string());
    match error {
        SmtpError::Answered { code: 530 | 534 | 535 | 538, .. } => Answer::Later(text, None),
        SmtpError::Answered { code: 500..=599, .. } => Answer::Refused(text, None),
        SmtpError::Answered { .. } => Answer::Later(text, None),
        SmtpError::Io(error) if handed => {
            Answer::Refused(veil.said(&format!("no answer to the letter: {error}")), None)
        }
        _ if handed => Answer::Refused(text, None),
        _ => Answer::Later(text, None),
    }
}

fn server(url: &Url) -> Server {
    let tls = url.scheme() == "smtps";
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let login = url.password().map(|password| (decoded(url.username()), decoded(password)));
    let default = match (tls, &login) {
        (true, _) => 465,
        (false, Some(_)) => 587,
        (false, None) => 25,
    };
    Server { host, port: url.port().unwrap_or(default), tls, login }
}
