//! Releases: requests that are checked and carried out against bare git repositories, and tags that are read.

mod applied;
mod around;
mod attacked;
mod checked;
mod killed;
mod life;
mod meanwhile;
mod old;
mod tagged;
