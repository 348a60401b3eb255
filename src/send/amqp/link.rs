//! A connection to a broker: opened, published to, and closed at the first unexpected frame.

use super::wire::{self, HEAD, Heard, LARGEST, Published, WireError};
use crate::send::tls::encrypted;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// The maximum number of frames that are read for one message.
const MOST_FRAMES: usize = 1000;

/// The address of a broker, and the login.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Broker {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) vhost: String,
}

/// Why a broker cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The connection broke, or there is none.
    #[error("the broker cannot be reached: {0}")]
    Io(#[from] io::Error),
    /// It sent something unexpected.
    #[error("the broker sent nonsense: {0}")]
    Wire(#[from] WireError),
    /// It sent something at the wrong time.
    #[error("the broker sent something unexpected")]
    Unexpected,
    /// It closed the connection or the channel.
    #[error("the broker refused it: {text} ({code})")]
    Closed {
        /// The code.
        code: u16,
        /// The reason.
        text: String,
    },
}

/// The result of publishing a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A queue has it.
    Routed,
    /// No queue accepts it.
    Unrouted(String),
    /// The broker could not keep it.
    Nacked,
}

/// A stream in both directions.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// An open channel on which messages are confirmed.
pub(super) struct Link {
    stream: Box<dyn Stream>,
    /// The maximum payload that is sent.
    most: usize,
    /// The number of the last message.
    tag: u64,
}

impl Link {
    /// Connects, logs in, and opens a channel.
    pub(super) async fn open(broker: &Broker) -> Result<Self, LinkError> {
        let tcp = TcpStream::connect((broker.host.as_str(), broker.port)).await?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> =
            if broker.tls { Box::new(encrypted(&broker.host, tcp).await?) } else { Box::new(tcp) };
        let mut link = Self { stream, most: 4096, tag: 0 };
        link.send(wire::PROTOCOL).await?;
        let Heard::Start { mechanisms } = link.hear().await? else { return Err(LinkError::Unexpected) };
        if !mechanisms.split(' ').any(|one| one == "PLAIN") {
            let text = "it does not accept a user and password".to_owned();
            return Err(LinkError::Closed { code: 403, text });
        }
        link.send(&wire::start_ok(&broker.user, &broker.password)).await?;
        let Heard::Tune { frame_max } = link.hear().await? else { return Err(LinkError::Unexpected) };
        let ours = u32::try_from(LARGEST).unwrap_or(u32::MAX);
        let frame_max = if frame_max == 0 { ours } else { frame_max.min(ours) };
        link.most = usize::try_from(frame_max).unwrap_or_default().saturating_sub(HEAD + 1).max(1);
        link.send(&[wire::tune_ok(frame_max), wire::open(&broker.vhost)].concat()).await?;
        link.expect(&Heard::Open).await?;
        link.send(&wire::channel_open()).await?;
        link.expect(&Heard::ChannelOpen).await?;
        link.send(&wire::confirm_select()).await?;
        link.expect(&Heard::Confirms).await?;
        Ok(link)
    }

    /// Publishes a message and waits for the result.
    pub(super) async fn publish(&mut self, message: &Published<'_>) -> Result<Fate, LinkError> {
        self.tag += 1;
        self.send(&wire::publish(message, self.most)).await?;
        let mut returned = None;
        for _ in 0..MOST_FRAMES {
            match self.hear().await? {
                Heard::Returned { code, text } => returned = Some(format!("{text} ({code})")),
                Heard::Ack(tag) if tag >= self.tag => {
                    return Ok(returned.map_or(Fate::Routed, Fate::Unrouted));
                }
                Heard::Nack(tag) if tag >= self.tag => return Ok(Fate::Nacked),
                Heard::Ack(_) | Heard::Nack(_) | Heard::Other => {}
                _ => return Err(LinkError::Unexpected),
            }
        }
        Err(LinkError::Unexpected)
    }

    /// Closes the connection properly.
    pub(super) async fn close(mut self) {
        // A broker that does not receive it sees the end of the connection.
        self.send(&wire::close()).await.ok();
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    async fn expect(&mut self, expected: &Heard) -> Result<(), LinkError> {
        if self.hear().await? == *expected { Ok(()) } else { Err(LinkError::Unexpected) }
    }

    /// Reads the next frame; fails if the broker closes.
    async fn hear(&mut self) -> Result<Heard, LinkError> {
        let mut first = [0; HEAD];
        self.stream.read_exact(&mut first).await?;
        let head = wire::head(first)?;
        let mut payload = vec![0; head.size + 1];
        self.stream.read_exact(&mut payload).await?;
        match wire::heard(head, &payload)? {
            Heard::Closed { code, text } => Err(LinkError::Closed { code, text }),
            heard => Ok(heard),
        }
    }
}
