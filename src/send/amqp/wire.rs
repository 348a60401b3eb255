//! The frames and methods of AMQP 0-9-1 that a publisher needs, as bytes.
//!
//! A frame that is larger than agreed, or invalid, ends the connection; no field of a method is larger than its
//! frame. Nothing here does I/O.

/// The bytes with which a client begins.
pub(super) const PROTOCOL: &[u8; 8] = b"AMQP\0\0\x09\x01";

/// The maximum frame that is read or written, without the eight bytes around the payload.
pub(super) const LARGEST: usize = 128 << 10;

/// The sizes of the header before a payload, and of the end mark after it.
pub(super) const HEAD: usize = 7;
const END: u8 = 0xce;

/// The types of frames.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;

/// The channel on which events are published.
const CHANNEL: u16 = 1;

/// The messages of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It begins, and accepts these login mechanisms.
    Start {
        /// Their names, separated by spaces.
        mechanisms: String,
    },
    /// It proposes limits.
    Tune {
        /// The largest frame, 0 for any.
        frame_max: u32,
    },
    /// The connection is open.
    Open,
    /// The channel is open.
    ChannelOpen,
    /// Messages are confirmed.
    Confirms,
    /// It has the messages up to this one.
    Ack(u64),
    /// It does not have the messages up to this one.
    Nack(u64),
    /// No queue accepted the message.
    Returned {
        /// The code.
        code: u16,
        /// The reason.
        text: String,
    },
    /// It closes the channel or the connection.
    Closed {
        /// The code.
        code: u16,
        /// The reason.
        text: String,
    },
    /// Something that needs no answer.
    Other,
}

/// Why bytes are not a valid frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A frame is larger than agreed.
    #[error("received a frame of {0} bytes; at most {LARGEST} are accepted")]
    TooLarge(u32),
    /// It is not a frame.
    #[error("the received bytes are not AMQP 0-9-1")]
    NotAFrame,
    /// A method is shorter than its fields.
    #[error("a received method is truncated")]
    Short,
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    kind: u8,
    /// The size of the payload in bytes.
    pub(super) size: usize,
}

/// Parses the header of a frame.
pub(super) fn head(bytes: [u8; HEAD]) -> Result<Head, WireError> {
    let [kind, _, _, a, b, c, d] = bytes;
    let size = u32::from_be_bytes([a, b, c, d]);
    if !matches!(kind, METHOD | HEADER | BODY | 8) {
        return Err(WireError::NotAFrame);
    }
    match usize::try_from(size) {
        Ok(size) if size <= LARGEST => Ok(Head { kind, size }),
        _ => Err(WireError::TooLarge(size)),
    }
}

/// Parses a frame, from its payload and the byte after it.
pub(super) fn heard(head: Head, payload: &[u8]) -> Result<Heard, WireError> {
    let Some((END, payload)) = payload.split_last().map(|(end, rest)| (*end, rest)) else {
        return Err(WireError::NotAFrame);
    };
    if head.kind != METHOD {
        return Ok(Heard::Other);
    }
    let mut from = Reader(payload);
    Ok(match (from.u16()?, from.u16()?) {
        (10, 10) => {
            from.take(2)?;
            from.long()?;
            Heard::Start { mechanisms: text(from.long()?) }
        }
        (10, 30) => {
            from.u16()?;
            Heard::Tune { frame_max: from.u32()? }
        }
        (10, 41) => Heard::Open,
        (20, 11) => Heard::ChannelOpen,
        (85, 11) => Heard::Confirms,
        (60, 80) => Heard::Ack(from.u64()?),
        (60, 120) => Heard::Nack(from.u64()?),
        (60, 50) => Heard::Returned { code: from.u16()?, text: text(from.short()?) },
        (10, 50) | (20, 40) => Heard::Closed { code: from.u16()?, text: text(from.short()?) },
        _ => Heard::Other,
    })
}

/// Parses a complete frame; nothing if it is incomplete.
pub fn frame(bytes: &[u8]) -> Result<Option<(Heard, usize)>, WireError> {
    let Some((first, rest)) = bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
    let head = head(*first)?;
    let Some(payload) = rest.get(..=head.size) else { return Ok(None) };
    Ok(Some((heard(head, payload)?, HEAD + head.size + 1)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The rest of the input.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_be_bytes(self.number()?))
    }

    fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_be_bytes(self.number()?))
    }

    fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_be_bytes(self.number()?))
    }

    fn short(&mut self) -> Result<&'a [u8], WireError> {
        let [length] = self.number::<1>()?;
        self.take(length.into())
    }

    fn long(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.u32()?;
        self.take(usize::try_from(length).map_err(|_| WireError::Short)?)
    }
}

/// Bytes that are written.
#[derive(Debug, Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn method(class: u16, method: u16) -> Self {
        Self::default().u16(class).u16(method)
    }

    fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// Writes a text of at most 255 bytes; of a longer one, the whole characters that fit.
    fn short(mut self, value: &str) -> Self {
        let end = (0..=value.len().min(255)).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
        let value = value.get(..end).unwrap_or_default();
        self.0.push(u8::try_from(value.len()).unwrap_or_default());
        self.0.extend(value.as_bytes());
        self
    }

    fn long(mut self, value: &[u8]) -> Self {
        self = self.u32(u32::try_from(value.len()).unwrap_or_default());
        self.0.extend(value);
        self
    }

    fn table(self, fields: &[(&str, Field<'_>)]) -> Self {
        let table = fields.iter().fold(Self::default(), |table, (name, field)| match field {
            Field::Text(value) => table.short(name).u8(b'S').long(value.as_bytes()),
            Field::Number(value) => table.short(name).u8(b'I').u32(value.cast_unsigned()),
            Field::Yes => table.short(name).u8(b't').u8(1),
            Field::Table(fields) => table.short(name).u8(b'F').table(fields),
        });
        self.long(&table.0)
    }

    fn frame(self, kind: u8, channel: u16) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or_default();
        let head = Self::default().u8(kind).u16(channel).u32(length);
        [head.0, self.0, vec![END]].concat()
    }

    fn on(self, channel: u16) -> Vec<u8> {
        self.frame(METHOD, channel)
    }
}

/// A value of a table.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    Text(&'a str),
    Number(i32),
    Yes,
    Table(&'a [(&'a str, Self)]),
}

/// Logs in with a user and password.
pub(super) fn start_ok(user: &str, password: &str) -> Vec<u8> {
    // Makes a broker report that it refuses a password instead of just closing the connection (an extension of
    // RabbitMQ).
    let capabilities = [("authentication_failure_close", Field::Yes)];
    let product = [("product", Field::Text("mirrorkeep")), ("capabilities", Field::Table(&capabilities))];
    let login = format!("\0{user}\0{password}");
    Writer::method(10, 11).table(&product).short("PLAIN").long(login.as_bytes()).short("en_US").on(0)
}

/// Agrees to limits: one channel, frames of that size, and no heartbeats, since each event has its own time limit.
pub(super) fn tune_ok(frame_max: u32) -> Vec<u8> {
    Writer::method(10, 31).u16(1).u32(frame_max).u16(0).on(0)
}

pub(super) fn open(vhost: &str) -> Vec<u8> {
    Writer::method(10, 40).short(vhost).short("").u8(0).on(0)
}

pub(super) fn channel_open() -> Vec<u8> {
    Writer::method(20, 10).short("").on(CHANNEL)
}

pub(super) fn confirm_select() -> Vec<u8> {
    Writer::method(85, 10).u8(0).on(CHANNEL)
}

/// Closes the connection; the answer is not waited for.
pub(super) fn close() -> Vec<u8> {
    Writer::method(10, 50).u16(200).short("").u16(0).u16(0).on(0)
}

/// A message to publish.
#[derive(Debug, Clone, Copy)]
pub(super) struct Published<'a> {
    pub(super) exchange: &'a str,
    pub(super) topic: &'a str,
    pub(super) headers: &'a [(&'a str, Field<'a>)],
    pub(super) id: &'a str,
    pub(super) kind: &'a str,
    pub(super) body: &'a [u8],
}

/// Publishes a persistent message, which is returned if no queue accepts it, in frames with at most that payload.
pub(super) fn publish(message: &Published<'_>, most: usize) -> Vec<u8> {
    const MANDATORY: u8 = 1;
    const PERSISTENT: u8 = 2;
    // Content type, encoding, headers, delivery mode, priority, message id, type and application.
    const GIVEN: u16 = 1 << 15 | 1 << 14 | 1 << 13 | 1 << 12 | 1 << 11 | 1 << 7 | 1 << 5 | 1 << 3;
    let Published { exchange, topic, headers, id, kind, body } = message;
    let mut bytes = Writer::method(60, 40).u16(0).short(exchange).short(topic).u8(MANDATORY).on(CHANNEL);
    let header = Writer::default()
        .u16(60)
        .u16(0)
        .u64(body.len() as u64)
        .u16(GIVEN)
        .short("application/json")
        .short("utf-8")
        .table(headers)
        .u8(PERSISTENT)
        .u8(0)
        .short(id)
        .short(kind)
        .short("mirrorkeep");
    bytes.extend(header.frame(HEADER, CHANNEL));
    for piece in body.chunks(most.max(1)) {
        bytes.extend(Writer(piece.to_vec()).frame(BODY, CHANNEL));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_broker_says_is_read() {
        let said = |writer: Writer| frame(&writer.on(1)).unwrap().unwrap().0;
        assert_eq!(said(Writer::method(60, 80).u64(7).u8(0)), Heard::Ack(7));
        let returned = Writer::method(60, 50).u16(312).short("NO_ROUTE").short("x").short("y");
        assert_eq!(said(returned), Heard::Returned { code: 312, text: "NO_ROUTE".to_owned() });
        let start = Writer::method(10, 10).u8(0).u8(9).table(&[]).long(b"PLAIN AMQPLAIN").long(b"en_US");
        assert_eq!(said(start), Heard::Start { mechanisms: "PLAIN AMQPLAIN".to_owned() });
        assert_eq!(said(Writer::method(60, 60)), Heard::Other);
        assert_eq!(frame(&Writer::method(60, 80).u32(7).on(1)), Err(WireError::Short));
        assert_eq!(frame(b"HTTP/1.1 400 Bad"), Err(WireError::NotAFrame));
        let large = [&[1, 0, 1][..], &u32::MAX.to_be_bytes()].concat();
        assert_eq!(frame(&large), Err(WireError::TooLarge(u32::MAX)));
        let mut torn = Writer::method(60, 80).u64(7).u8(0).on(1);
        torn.pop();
        assert_eq!(frame(&torn), Ok(None));
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let written = Writer::default().short(&"ä".repeat(200)).0;
        assert_eq!((written[0], written.len()), (254, 255));
    }

    proptest! {
        #[test]
        fn no_bytes_are_more_than_they_are(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some((_, length))) = frame(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }

        #[test]
        fn what_is_published_is_whole_frames(body in proptest::collection::vec(any::<u8>(), 0..300), most in 1_usize..50) {
            let message = Published { exchange: "e", topic: "t", headers: &[], id: "i", kind: "k", body: &body };
            let bytes = publish(&message, most);
            let (mut rest, mut frames) = (&bytes[..], 0);
            while let Some((_, length)) = frame(rest).unwrap() {
                rest = &rest[length..];
                frames += 1;
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!(frames, 2 + body.len().div_ceil(most));
        }
    }
}
