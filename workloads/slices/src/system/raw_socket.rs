//! `raw_socket`: the conventional raw socket (NetSlices, section 2), one of each device, read and written by one thread, a
//! system call a frame.

use std::io;

use pktio::packet::{Group, PlainConfig, PlainIo, raw_socket};

use super::SystemConfig;
use super::sockets::Opening;

/// One thread's sockets.
pub(super) struct RawSocket;

impl Opening for RawSocket {
    type Io = PlainIo;

    fn open(&self, config: &SystemConfig, ports: [u32; 2]) -> io::Result<Group<PlainIo>> {
        raw_socket::open(&plain(config, ports))
    }

    fn tell(&self, config: &SystemConfig) -> Vec<(&'static str, String)> {
        calls(config)
    }
}

/// Sockets that are read and written by system calls.
pub(super) fn plain(config: &SystemConfig, ports: [u32; 2]) -> PlainConfig {
    PlainConfig {
        burst: config.batch as usize,
        qdisc_bypass: config.qdisc_bypass,
        ..PlainConfig::new(ports.to_vec())
    }
}

/// What is obtained of such sockets.
pub(super) fn calls(config: &SystemConfig) -> Vec<(&'static str, String)> {
    let calls = "packet_socket, a system call to receive a frame and one to send it";
    vec![
        ("io", calls.to_owned()),
        ("batch", config.batch.to_string()),
    ]
}
