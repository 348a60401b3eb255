//! Events on a message bus.

mod hostile;
mod real;
