//! What the tests against the kernel share.

use std::os::fd::OwnedFd;

use loader::{Steer, SteerConfig};
use rustix::net::{AddressFamily, SocketType, socket_with};
use steering::Policy;

/// First port of the server in all tests.
pub const PORT: u16 = 11211;

/// Whether programs can be loaded here. If not, says so, or fails where every tier is demanded.
pub fn kernel_tier() -> bool {
    let config =
        SteerConfig { policy: Policy::Rss, queues: 1, owners: 1, server_port: PORT, ports: 1 };
    match Steer::load(&config) {
        Err(error @ (loader::Error::NotPermitted | loader::Error::BrokenKernel(_))) => {
            let demanded = std::env::var_os("STEERBENCH_REQUIRE_ALL_TIERS").is_some_and(|v| v == "1");
            assert!(!demanded, "STEERBENCH_REQUIRE_ALL_TIERS is set, but {error}");
            println!("SKIPPED: {error}");
            false
        }
        // Anything else, a refusal by the verifier above all, is for the test to report.
        Ok(_) | Err(_) => true,
    }
}

/// An AF_XDP socket, unbound: enough for the map, and a test run delivers nothing.
pub fn xdp_socket() -> OwnedFd {
    socket_with(AddressFamily::from_raw(libc::AF_XDP as u16), SocketType::RAW, rustix::net::SocketFlags::CLOEXEC, None)
        .expect("the kernel has AF_XDP")
}
