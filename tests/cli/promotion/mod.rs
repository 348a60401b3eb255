//! Promotion: votes, waivers, rejections, and stages that move forward and back.

mod bundles;
mod commands;
mod defects;
mod errors;
mod gates;
mod interference;
mod retention;
mod sentences;
mod sets;
pub(crate) mod story;
