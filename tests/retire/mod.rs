//! The end of a stream: frozen, archived, announced, redirected, removed.

mod freeze;
mod protected;
mod scene;
mod whole;
