//! More than a ring or a buffer holds: what is lost is counted where it is lost, and the rest comes out in order.

use slices::system::{Counters, Design, SystemConfig};

use crate::chain::{chain, config};
use crate::traffic::{TTL, check, datagram};

const FLOWS: u16 = 8;
/// More than any of them holds.
const COUNT: u32 = 40_000;
const LEN: usize = 1000;

/// Floods a system whose threads do not run yet, and lets them run then. Returns what it counted.
fn overloaded(config: &SystemConfig, reason: &str) -> Option<Counters> {
    let chain = chain(config.design)?;
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let mut system = chain.attached(config);
    for number in 0..COUNT {
        from.send(&datagram(0, number as u16 % FLOWS, number, LEN, TTL));
    }
    chain.at_router(|| system.start().unwrap());
    system.quiesce().unwrap();
    let counters = system.counters().unwrap();
    let arrived = chain.receive_due(&from, &mut to, &counters);
    check(1, &arrived);
    assert!(
        !arrived.is_empty() && counters.lost_by(reason) > 0,
        "{counters:#?}"
    );
    assert_eq!(counters.lost(), counters.lost_by(reason), "{counters:#?}");
    chain.close(&from, &to, 1, &counters);
    system.stop().unwrap();
    Some(counters)
}

#[test]
fn netslice() {
    overloaded(&config(Design::Netslice), "xsk_rx_ring_full");
}

#[test]
fn raw_socket() {
    overloaded(&config(Design::RawSocket), "packet_socket");
}

#[test]
fn raw_parallel_by_filters() {
    let design = Design::RawParallel { filters: true };
    overloaded(&config(design), "packet_socket");
}

#[test]
fn pcap() {
    overloaded(&config(Design::Pcap), "packet_socket");
}

#[test]
fn pcap_mmap() {
    overloaded(&config(Design::PcapMmap), "packet_socket");
}

#[test]
fn packet_mmap_v3() {
    overloaded(&config(Design::PacketMmapV3), "packet_socket");
}

#[test]
fn dispatch_threads() {
    overloaded(&config(Design::DispatchThreads), "packet_socket");
}

/// Each socket gets a copy of each frame, and loses copies of frames that are another thread's: no losses.
#[test]
fn raw_parallel_by_copies() {
    let config = config(Design::RawParallel { filters: false });
    let Some(counters) = overloaded(&config, "packet_socket") else {
        return;
    };
    let lost = counters.value("packet_socket");
    let copies = counters.received + counters.value("of_others") + lost;
    assert_eq!(copies, u64::from(COUNT) * u64::from(config.workers));
    assert!(lost > counters.lost(), "{counters:#?}");
    assert_eq!(counters.received + counters.lost(), u64::from(COUNT));
}
