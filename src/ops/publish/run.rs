//! A running publish: its session and its request.

use crate::ops::publish::request::PublishRequest;
use crate::session::Session;

/// One publish; its steps are methods in `compared`, `steps`, `send` and the root of the folder.
#[derive(Clone, Copy)]
pub(crate) struct PublishRun<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) publishing: &'a PublishRequest,
}
