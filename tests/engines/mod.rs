//! Real servers: object stores, their clusters, and web servers.

pub(crate) mod between;
mod cache_rules;
mod closure;
pub(crate) mod cluster;
mod pages;
pub(crate) mod readers;
pub(crate) mod redirects;
pub(crate) mod serving;
pub(crate) mod stores;
pub(crate) mod strangers;
pub(crate) mod web;
