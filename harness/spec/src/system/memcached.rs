//! `memcached`: the baseline, an external process.

use super::Io;
use super::traits::Traits;

pub(super) const TRAITS: Traits = Traits {
    name: "memcached",
    summary: "Debian's memcached, an external process over kernel UDP",
    paper: "https://memcached.org, as Debian packages it",
    fidelity: "the real program, an external process",
    ios: &[Io::Udp],
    io_reason: "memcached is an external process that reads kernel sockets",
    wakeups: &[],
    service_refusal: Some("memcached is an external process, whose threads are its own"),
    engines: &[],
    engine_reason: "memcached is an external process with a store of its own",
    encryption_refusal: Some("it understands no sealed datagrams"),
    ..Traits::SERVER
};
