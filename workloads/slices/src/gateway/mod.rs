//! An IPsec gateway: a router whose link to another gateway is a tunnel.

mod config;

pub use config::{Authentication, GatewayConfig, Secret};
