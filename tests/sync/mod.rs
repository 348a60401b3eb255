//! Copies of a mirror elsewhere: brought up to date in an order in which no name leads to a build that is not whole there,
//! whatever a target does and whenever the command is killed.

mod astray;
mod beside;
mod between;
mod broken;
mod carried;
mod freshness;
mod mirrored;
mod order;
mod refused;
mod scene;
mod settings;
mod tidy;
