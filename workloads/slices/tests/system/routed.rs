//! Slices that are told by the kernel, on their k-peers, where frames go.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use packet::checksum;
use slices::system::{Design, NEXT_LINKS_DISAGREED, Routing, System, SystemConfig};
use sys::link::{self, MacAddress};
use sys::tables::{self, NextHop, Route, RouteKind, Table};

use crate::chain::{Chain, ENDS, Tap, chain, config};
use crate::traffic::{TTL, check, datagram};

const COUNT: u32 = 300;
/// A destination behind the receiver's link that no address of the chain's covers.
const FAR: [u8; 4] = [203, 0, 113, 5];

/// A router over slices that the kernel tells.
pub(crate) fn told() -> SystemConfig {
    SystemConfig {
        routing: Routing::Kernel,
        ..config(Design::Netslice)
    }
}

/// The counters of who routed: the kernel, the mirror; next links compared, and found wrong.
fn routed(system: &System) -> [u64; 4] {
    let counters = system.counters().unwrap();
    [
        "routed_by_kernel",
        "routed_by_mirror",
        "next_links_checked",
        NEXT_LINKS_DISAGREED,
    ]
    .map(|name| counters.value(name))
}

#[test]
fn every_frame_is_sent_where_the_kernel_says_and_the_mirror_agrees() {
    let Some(chain) = chain(Design::Netslice) else {
        return;
    };
    let mut taps = [chain.tap(0), chain.tap(1)];
    let mut system = chain.running(&told());
    assert!(
        system
            .obtained()
            .contains(&("routing".to_owned(), "kernel".to_owned()))
    );
    for from in 0..2 {
        for number in 0..COUNT {
            let len = 60 + number as usize * 31 % 1455;
            taps[from].send(&datagram(from, number as u16 % 16, number, len, TTL));
        }
        let arrived = check(1 - from, &taps[1 - from].receive(COUNT as usize));
        assert_eq!(arrived.values().sum::<usize>(), COUNT as usize);
    }
    system.quiesce().unwrap();
    let [by_kernel, by_mirror, checked, disagreed] = routed(&system);
    assert_eq!((by_kernel, by_mirror), (u64::from(2 * COUNT), 0));
    assert!(checked >= by_kernel / 64, "{checked} of {by_kernel}");
    assert_eq!(disagreed, 0);
    let counters = system.counters().unwrap();
    assert_eq!(counters.sent, u64::from(2 * COUNT));
    let [from, to] = &taps;
    chain.close(from, to, 1, &counters);
    chain.close(to, from, 0, &counters);
    system.stop().unwrap();
}

/// A datagram to where only a route of the test's own leads.
fn far(number: u32) -> Vec<u8> {
    let mut frame = datagram(0, 0, number, 100, TTL);
    frame[30..34].copy_from_slice(&FAR);
    frame[24..26].fill(0);
    let sum = checksum::ipv4_header(&frame[14..34]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// Sends so many and returns the stations that they arrived for.
fn stations(from: &mut Tap, to: &mut Tap) -> Vec<[u8; 6]> {
    for number in 0..COUNT {
        from.send(&far(number));
    }
    let arrived = to.receive(COUNT as usize);
    let station = |frame: &Vec<u8>| {
        assert_eq!((frame[22], &frame[30..34]), (TTL - 1, &FAR[..]));
        *frame.first_chunk().unwrap()
    };
    arrived.iter().map(station).collect()
}

/// Leads [`FAR`] by a gateway on the receiver's link, or nowhere.
fn lead(chain: &Chain, kind: RouteKind, gateway: Option<[u8; 4]>) {
    chain.at_router(|| {
        let hop = |gateway: [u8; 4]| NextHop {
            device: link::ifindex(ENDS[1].router_device).unwrap(),
            gateway: Some(IpAddr::from(gateway)),
            weight: 1,
        };
        let route = Route {
            table: Table::Main,
            destination: IpAddr::from([203, 0, 113, 0]),
            prefix_len: 24,
            priority: 0,
            kind,
            hops: gateway.map(hop).into_iter().collect(),
        };
        tables::add_route(&route).unwrap();
    });
}

/// The very next frame goes by the new route: it is looked up when the frame comes.
#[test]
fn a_route_that_changes_in_mid_stream_is_followed_at_once() {
    let Some(chain) = chain(Design::Netslice) else {
        return;
    };
    let other = [2, 0x53, 0x42, 0, 1, 99];
    chain.at_router(|| {
        let address = IpAddr::from([198, 19, 0, 99]);
        link::add_neighbour(ENDS[1].router_device, address, MacAddress(other)).unwrap();
    });
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let mut system = chain.running(&told());
    let everyone = |station: [u8; 6]| vec![station; COUNT as usize];

    // Nobody knows the way: the mirror's router says so.
    from.send(&far(0));
    let unreachable = |frame: &Vec<u8>| (frame[23], frame[34], frame[35]) == (1, 3, 0);
    assert!(from.receive(1).iter().all(unreachable));
    assert_eq!(routed(&system)[..2], [0, 0]);

    lead(&chain, RouteKind::Unicast, Some([198, 19, 0, 2]));
    assert_eq!(stations(&mut from, &mut to), everyone(ENDS[1].mac));
    lead(&chain, RouteKind::Unicast, Some([198, 19, 0, 99]));
    assert_eq!(stations(&mut from, &mut to), everyone(other));
    let sent = u64::from(2 * COUNT);
    assert_eq!(routed(&system)[..2], [sent, 0]);

    // The kernel tells no way; what becomes of the frame is the mirror's to find, which follows.
    lead(&chain, RouteKind::Blackhole, None);
    let vanished = |system: &System| system.counters().unwrap().lost_by("drop_blackhole");
    let mut number = 0;
    while vanished(&system) == 0 {
        from.send(&far(number));
        number += 1;
        assert!(number < 10_000, "the mirror does not follow");
        // The mirror has a thread of its own, which must come to run.
        thread::sleep(Duration::from_millis(1));
    }
    system.quiesce().unwrap();
    let counters = system.counters().unwrap();
    chain.receive_due(&from, &mut to, &counters);
    let [by_kernel, by_mirror, ..] = routed(&system);
    assert_eq!((by_kernel, by_kernel + by_mirror), (sent, counters.sent));
    assert_eq!(
        (counters.lost_by("reported_no_route"), counters.made),
        (1, 1)
    );
    chain.close(&from, &to, 1, &counters);
    system.stop().unwrap();
}
