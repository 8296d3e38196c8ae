//! Routers between the gateways say how narrow the path is.

use packet::checksum::{self, Sum};
use packet::ethernet::HEADER_LEN as LINK;

use super::tests::{Gateways, config, conserves, line, payload, same};
use super::*;
use crate::ipsec::Tunnel;
use crate::memory::{Memory, MemoryFrame};
use crate::pair::Side;
use crate::rig::{self, BETWEEN, ENDS, On, delivered, fib, packet};

/// When messages come, and long after that.
const NOW_NS: u64 = 5_000_000_000;
const LATER_NS: u64 = NOW_NS + 600_000_000_000;
const SIDE: Side = Side::Egress;

fn gateways(workers: usize) -> Gateways {
    let routers = (0..workers).map(|_| rig::router(fib(SIDE, true)));
    Gateway::of_workers(&config(SIDE, Authentication::HmacSha256), routers.collect()).unwrap()
}

/// The packet around one of so many bytes, if it fits: in a frame.
fn outer(gateway: &mut Gateway<MemoryFrame>, inner: u16, now_ns: u64) -> Option<Vec<u8>> {
    let mut memory = Memory::new(8);
    let sent = packet(
        SIDE,
        On::First,
        false,
        &payload(usize::from(inner) - 20),
        same,
    );
    memory.arrive(SIDE.hosts(), &sent);
    memory.run(gateway, now_ns);
    let outer = memory.sent_by(SIDE.between()).pop();
    if outer.is_none() {
        let error = delivered(&memory, SIDE).remove(0);
        assert_eq!(error[34..36], [3, 4], "the sender is told");
        assert_eq!(
            error[40..42],
            gateway.outbound.tunnel().inner_mtu().to_be_bytes()
        );
    }
    outer
}

/// What a router sends to who has sent it `frame`, which is longer than `mtu` bytes, with a change before it is summed.
fn error(frame: &[u8], mtu: u16, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let quoted = &frame[LINK..][..28];
    let mut ip = vec![0x45, 0, 0, 56, 0, 9, 0, 0, 62, 1, 0, 0, 203, 0, 113, 7];
    ip.extend_from_slice(&ENDS[0].octets());
    let [high, low] = mtu.to_be_bytes();
    ip.extend_from_slice(&[3, 4, 0, 0, 0, 0, high, low]);
    ip.extend_from_slice(quoted);
    change(&mut ip);
    let sum = checksum::ipv4_header(&ip[..20]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let sum = Sum::new().bytes(&ip[20..]).finish();
    ip[22..24].copy_from_slice(&sum.to_be_bytes());
    [&frame[6..12], &frame[..6], &[8, 0], &ip].concat()
}

fn tell(gateway: &mut Gateway<MemoryFrame>, message: &[u8], now_ns: u64) {
    let mut memory = Memory::new(8);
    memory.arrive(SIDE.between(), message);
    memory.run(gateway, now_ns);
    assert!(memory.sent.is_empty() && memory.held == 0);
}

#[test]
fn a_narrower_path_narrows_the_tunnel_of_all_workers_for_ten_minutes() {
    let mut workers = gateways(2);
    let tunnel = config(SIDE, Authentication::HmacSha256).outbound(0);
    assert_eq!(tunnel.mtu, BETWEEN);
    let wide = tunnel.inner_mtu().min(rig::MTU);
    let narrow = Tunnel {
        mtu: 1500,
        ..tunnel.clone()
    }
    .inner_mtu();
    let sealed = outer(&mut workers[0], wide, NOW_NS).expect("it fits so far");
    // It comes to another worker than the one whose packet it is about.
    tell(&mut workers[1], &error(&sealed, 1500, |_| {}), NOW_NS);
    assert_eq!(line(&workers[1], "gateway_path_mtu"), 1);
    for worker in &mut workers {
        assert!(outer(worker, narrow + 1, NOW_NS + 1).is_none());
        let fits = outer(worker, narrow, NOW_NS + 1).expect("it fits");
        assert!(fits.len() <= LINK + 1500);
        assert!(outer(worker, wide, LATER_NS).is_some(), "it is forgotten");
    }
    // Less than IPv6 needs is not believed of any path, nor that nothing at all passes.
    for absurd in [68, 0] {
        tell(&mut workers[0], &error(&sealed, absurd, |_| {}), LATER_NS);
        assert!(outer(&mut workers[1], 1280, LATER_NS).is_some());
        assert_eq!(outer(&mut workers[1], 1300, LATER_NS), None);
    }
}

/// What it is by then, and what makes it so.
type Change = (&'static str, fn(&mut [u8]));

#[test]
fn what_is_not_about_a_packet_of_the_tunnel_changes_nothing() {
    let mut gateway = gateways(1).remove(0);
    let sealed = outer(&mut gateway, 1400, NOW_NS).unwrap();
    let changes: [Change; 9] = [
        ("for another host", |ip| ip[19] ^= 1),
        ("no ICMP", |ip| ip[9] = 17),
        ("a fragment", |ip| ip[6] = 0x20),
        ("another type", |ip| ip[20] = 11),
        ("another code", |ip| ip[21] = 1),
        ("about another protocol", |ip| ip[28 + 9] = 17),
        ("about another sender", |ip| ip[28 + 15] ^= 1),
        ("about another receiver", |ip| ip[28 + 19] ^= 1),
        ("about another association", |ip| ip[28 + 23] ^= 1),
    ];
    let mut messages: Vec<_> = changes
        .iter()
        .map(|(_, change)| error(&sealed, 1400, change))
        .collect();
    let sound = error(&sealed, 1400, |_| {});
    for at in [LINK + 10, LINK + 22] {
        let mut damaged = sound.clone();
        damaged[at] ^= 1;
        messages.push(damaged);
    }
    for len in LINK..sound.len() {
        messages.push(sound[..len].to_vec());
    }
    // Options that the frame has no room for.
    let mut cut = sound[..LINK + 40].to_vec();
    cut[LINK] = 0x4f;
    messages.push(cut);
    let mut memory = Memory::new(8);
    for message in &messages {
        memory.arrive(SIDE.between(), message);
    }
    let mut fresh = gateways(1).remove(0);
    memory.run(&mut fresh, NOW_NS);
    conserves(&fresh, &memory);
    assert_eq!(line(&fresh, "gateway_path_mtu"), 0);
    assert!(outer(&mut fresh, 1400, NOW_NS).is_some());
    // The sound one does.
    tell(&mut fresh, &sound, NOW_NS);
    assert!(outer(&mut fresh, 1400, NOW_NS).is_none());
}
