//! What retention promises: laws over random worlds, and cases that once went wrong on real mirrors.

mod cases;
mod edges;
mod laws;
mod model;
mod peers;
mod verbs;
mod world;
