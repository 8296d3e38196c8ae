//! Maelstrom's proxy: a router whose link to another proxy is protected by forward error correction.

mod config;

pub use config::ProxyConfig;
