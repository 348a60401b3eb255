//! Events to other programs: each at least once and in order, whatever receivers answer and whenever the deliverer is killed.

mod asked;
mod bus;
mod fast;
mod killed;
mod mail;
mod refused;
mod scene;
mod settings;
mod webhook;
