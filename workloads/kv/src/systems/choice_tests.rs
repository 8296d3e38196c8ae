//! Every combination, legal or refused with its reason.

use super::*;

fn choice(system: SystemKind, io: IoKind, wakeup: Wakeup) -> SystemChoice {
    SystemChoice {
        system,
        io,
        wakeup,
        engine: system.engines()[0],
        owners: 2,
        clusters: 1,
        large_owners: 1,
        queues: 2,
        port: 11211,
        tcp: false,
        hot_keys: 0,
        sealed: false,
        rpc: false,
        cpu_per_owner: true,
    }
}

#[test]
fn the_legal_combinations_are_exactly_these() {
    use {IoKind::*, SystemKind::*, Wakeup::*};
    let mut legal = Vec::new();
    for system in SystemKind::ALL {
        for io in [Udp, AfXdp, Memory] {
            for wakeup in [Eventfd, Spin, Batched] {
                let owners = if system == Synthetic { 1 } else { 2 };
                let choice = SystemChoice {
                    owners,
                    ..choice(system, io, wakeup)
                };
                if validate(&choice).is_ok() {
                    legal.push((system, io, wakeup));
                }
            }
        }
    }
    assert_eq!(
        legal,
        [
            (RssShared, Udp, Eventfd),
            (RssShared, Udp, Spin),
            (RssShared, AfXdp, Eventfd),
            (RssShared, AfXdp, Spin),
            (Sphinx, Udp, Eventfd),
            (Sphinx, Udp, Spin),
            (Sphinx, Udp, Batched),
            (Sphinx, AfXdp, Eventfd),
            (Sphinx, AfXdp, Spin),
            (Sphinx, AfXdp, Batched),
            (Seastar, Udp, Spin),
            (Seastar, AfXdp, Spin),
            (MicaErew, Udp, Eventfd),
            (MicaErew, Udp, Spin),
            (MicaErew, Udp, Batched),
            (MicaErew, AfXdp, Eventfd),
            (MicaErew, AfXdp, Spin),
            (MicaErew, AfXdp, Batched),
            (MicaCrew, Udp, Eventfd),
            (MicaCrew, Udp, Spin),
            (MicaCrew, Udp, Batched),
            (MicaCrew, AfXdp, Eventfd),
            (MicaCrew, AfXdp, Spin),
            (MicaCrew, AfXdp, Batched),
            (MicaCrcw, Udp, Eventfd),
            (MicaCrcw, Udp, Spin),
            (MicaCrcw, AfXdp, Eventfd),
            (MicaCrcw, AfXdp, Spin),
            (Herd, Memory, Eventfd),
            (Herd, Memory, Spin),
            (Minos, AfXdp, Eventfd),
            (Minos, AfXdp, Spin),
            (Minos, AfXdp, Batched),
            (Shenango, AfXdp, Eventfd),
            (XdpSteered, AfXdp, Eventfd),
            (XdpSteered, AfXdp, Spin),
            (XdpSteered, AfXdp, Batched),
            (SharedSomething, AfXdp, Eventfd),
            (SharedSomething, AfXdp, Spin),
            (ReuseportEbpf, Udp, Eventfd),
            (ReuseportEbpf, Udp, Spin),
            (ReuseportEbpf, Udp, Batched),
            (XdpPosix, Udp, Eventfd),
            (XdpPosix, Udp, Spin),
            (XdpPosix, Udp, Batched),
            (XdpCpumap, Udp, Eventfd),
            (XdpCpumap, Udp, Spin),
            (XdpCpumap, Udp, Batched),
            (ProgrammableRss, AfXdp, Eventfd),
            (ProgrammableRss, AfXdp, Spin),
            (Synthetic, Udp, Spin),
            (Synthetic, AfXdp, Spin),
        ]
    );
}

#[test]
fn hot_keys_need_who_spreads_them_and_over_whom() {
    for (system, owners) in [(SystemKind::Sphinx, 2), (SystemKind::XdpSteered, 1)] {
        let spread = SystemChoice {
            hot_keys: 8,
            owners,
            ..choice(system, IoKind::AfXdp, Wakeup::Eventfd)
        };
        assert_eq!(
            validate(&spread),
            Err(Refusal::NoHotKeys { system, owners })
        );
    }
}

#[test]
fn each_limit_has_its_reason() {
    let base = choice(SystemKind::Sphinx, IoKind::AfXdp, Wakeup::Eventfd);
    let refuse = |choice: SystemChoice| validate(&choice).unwrap_err();
    assert_eq!(
        refuse(SystemChoice { tcp: true, ..base }),
        Refusal::TcpNeedsKernelSockets
    );
    assert_eq!(
        refuse(SystemChoice { queues: 1, ..base }),
        Refusal::TooFewQueues {
            system: SystemKind::Sphinx,
            owners: 2,
            queues: 1
        }
    );
    assert!(matches!(
        refuse(SystemChoice { owners: 0, ..base }),
        Refusal::OwnerCount { .. }
    ));
    let synthetic = SystemChoice {
        system: SystemKind::Synthetic,
        io: IoKind::Udp,
        wakeup: Wakeup::Spin,
        ..base
    };
    assert_eq!(refuse(synthetic), Refusal::SyntheticHasOneOwner(2));
    let tcp = SystemChoice {
        owners: 1,
        tcp: true,
        ..synthetic
    };
    assert_eq!(refuse(tcp), Refusal::SyntheticHasNoStore);
    let clusters = |owners, clusters, queues| SystemChoice {
        system: SystemKind::SharedSomething,
        owners,
        clusters,
        queues,
        ..base
    };
    for (owners, count) in [(4, 3), (2, 4), (2, 0)] {
        let refused = refuse(clusters(owners, count, 4));
        let expected = Refusal::UnevenClusters {
            owners,
            clusters: count,
        };
        assert_eq!(refused, expected);
    }
    assert_eq!(
        refuse(clusters(6, 2, 2)),
        Refusal::TooFewQueuesForCluster {
            members: 3,
            queues: 2
        }
    );
    for large in [0, 2] {
        let minos = SystemChoice {
            system: SystemKind::Minos,
            large_owners: large,
            ..base
        };
        assert_eq!(
            refuse(minos),
            Refusal::NoSmallOrNoLargeOwner { owners: 2, large }
        );
    }
    for (system, engine) in [
        (SystemKind::MicaCrew, EngineKind::Slab),
        (SystemKind::MicaCrcw, EngineKind::Slab),
        (SystemKind::SharedSomething, EngineKind::Log),
    ] {
        let other = SystemChoice {
            engine,
            ..choice(system, IoKind::AfXdp, Wakeup::Eventfd)
        };
        assert_eq!(refuse(other), Refusal::OtherEngine(system));
    }
    let crowded = SystemChoice {
        wakeup: Wakeup::Spin,
        cpu_per_owner: false,
        ..base
    };
    assert_eq!(refuse(crowded), Refusal::SpinNeedsCpus);
    let mica = SystemChoice {
        system: SystemKind::MicaErew,
        engine: EngineKind::Log,
        port: 65535,
        ..base
    };
    assert_eq!(
        refuse(mica),
        Refusal::PortsOverflow {
            port: 65535,
            owners: 2
        }
    );
}
