//! As much of HTTP/1.1 as a stand-in for a server and a proxy in front of one need: whole messages, in both
//! directions.

use std::io::{self, BufRead, Read, Write};

/// A request or an answer: its first line, its headers as received, and its whole body.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) first: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Answer,
    /// An answer to HEAD, which states a length and has no body.
    HeadAnswer,
}

impl Message {
    /// Returns an answer with that status.
    pub(crate) fn answer(status: u16) -> Self {
        Self { first: format!("HTTP/1.1 {status} As told"), headers: Vec::new(), body: Vec::new() }
    }

    /// Returns a request after whose answer the server closes the connection.
    pub(crate) fn request(method: &str, target: &str) -> Self {
        Self { first: format!("{method} {target} HTTP/1.0"), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with_length()
    }

    fn with_length(self) -> Self {
        let length = self.body.len();
        self.with("content-length", length)
    }

    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Returns the method of a request.
    pub(crate) fn method(&self) -> &str {
        self.first.split(' ').next().unwrap()
    }

    /// Returns the path and query of a request.
    pub(crate) fn target(&self) -> &str {
        self.first.split(' ').nth(1).unwrap()
    }

    /// Reads one message; none if the other side has closed.
    pub(crate) fn read(from: &mut impl BufRead, side: Side) -> io::Result<Option<Self>> {
        let Some(first) = line(from)? else { return Ok(None) };
        let mut message = Self { first, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let Some((name, value)) = line.split_once(':') else { break };
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let empty = side == Side::HeadAnswer
            || side == Side::Answer && [" 204", " 304"].iter().any(|status| message.first.contains(status));
        if empty {
            return Ok(Some(message));
        }
        if message.header("transfer-encoding").is_some_and(|how| how.contains("chunked")) {
            chunks(from, &mut message.body)?;
            message.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("transfer-encoding"));
            message = message.with_length();
        } else if let Some(length) = message.header("content-length") {
            let length: u64 = length.parse().map_err(io::Error::other)?;
            let read = from.take(length).read_to_end(&mut message.body)?;
            if (read as u64) < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        } else if side == Side::Answer {
            from.read_to_end(&mut message.body)?;
            message = message.with_length();
        }
        Ok(Some(message))
    }

    /// Returns the message as it is sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }

    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.bytes())
    }
}

fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    Ok((from.read_line(&mut line)? > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let size = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = size.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        from.take(size).read_to_end(body)?;
        line(from)?;
        if size == 0 {
            return Ok(());
        }
    }
}
