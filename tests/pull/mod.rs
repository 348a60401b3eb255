//! Copies that are kept over HTTP: from servers that tell the truth, and from others.

mod between;
mod hostile;
mod kept;
mod list;
mod scene;
