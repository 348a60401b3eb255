//! Policies: how they are read, what they mean, and what protects a build whatever they say.

pub(crate) mod examples;
pub(crate) mod pipelines;
pub(crate) mod pointing;
pub(crate) mod reading;
pub(crate) mod retention;
pub(crate) mod shipped;
