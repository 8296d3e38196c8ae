//! Packets that are not forwarded: their sender is told, and the ledger has them once.

use slices::system::{Counters, Design, SystemConfig};

use crate::chain::{chain, config};
use crate::routed::told;
use crate::traffic::{TTL, check, datagram};

/// No more than may be told at once.
const HOPELESS: u32 = 20;
const GOOD: u32 = 100;

/// Sends packets without a hop left among others; returns what was counted.
fn expired(config: &SystemConfig) -> Option<Counters> {
    let chain = chain(config.design)?;
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let mut system = chain.running(config);
    for number in 0..GOOD {
        from.send(&datagram(0, 0, number, 100, TTL));
        if number < HOPELESS {
            from.send(&datagram(0, 1, number, 100, 1));
        }
    }
    assert_eq!(check(1, &to.receive(GOOD as usize))[&0], GOOD as usize);
    system.quiesce().unwrap();
    let counters = system.counters().unwrap();
    chain.close(&from, &to, 1, &counters);
    let mut told = from.receive(counters.made as usize);
    from.receive_now(&mut told);
    let is_time_exceeded = |frame: &&Vec<u8>| frame[23] == 1 && frame[34] == 11;
    let told = told.iter().filter(is_time_exceeded).count();
    assert_eq!(counters.made, told as u64, "{counters:#?}");
    assert!(told > 0);
    assert_eq!(counters.sent, u64::from(GOOD));
    system.stop().unwrap();
    Some(counters)
}

#[test]
fn a_router_in_user_space_tells_and_counts_each() {
    for config in [
        config(Design::Netslice),
        config(Design::PacketMmapV3),
        told(),
    ] {
        let Some(counters) = expired(&config) else {
            return;
        };
        let lost = counters.lost_by("reported_time_exceeded");
        assert_eq!((lost, counters.made), (HOPELESS.into(), HOPELESS.into()));
    }
}

#[test]
fn the_kernel_counts_each_also_behind_a_program() {
    for design in [Design::KernelForward, Design::XdpForward] {
        let Some(counters) = expired(&config(design)) else {
            return;
        };
        assert_eq!(counters.lost_by("ip_header"), u64::from(HOPELESS));
    }
}

/// What is for the router itself is the kernel's, and the traffic's loss.
#[test]
fn what_the_kernel_keeps_is_told() {
    let Some(chain) = chain(Design::Netslice) else {
        return;
    };
    let (mut from, mut to) = (chain.tap(0), chain.tap(1));
    let mut system = chain.running(&config(Design::Netslice));
    let mut own = datagram(0, 0, 0, 100, TTL);
    own[30..34].copy_from_slice(&[198, 18, 0, 1]);
    for _ in 0..7 {
        from.send(&own);
    }
    from.send(&datagram(0, 0, 1, 100, TTL));
    assert_eq!(to.receive(1).len(), 1);
    system.quiesce().unwrap();
    let counters = system.counters().unwrap();
    assert_eq!(
        (counters.lost_by("kept_by_kernel"), counters.lost()),
        (7, 7)
    );
    chain.close(&from, &to, 1, &counters);
    system.stop().unwrap();
}
