//! What is refused, with the reason and the remedy.

use super::*;

fn config(design: Design, workers: u16) -> SystemConfig {
    SystemConfig {
        design,
        processor: ProcessorConfig::Router,
        devices: ["router0".to_owned(), "router1".to_owned()],
        workers,
        k_peers: (0..u32::from(workers)).collect(),
        u_peers: (0..u32::from(workers)).collect(),
        batch: 64,
        routing: Routing::Mirror,
        qdisc_bypass: false,
    }
}

fn refused(config: &SystemConfig) -> String {
    config.check().unwrap_err().to_string()
}

#[test]
fn every_design_can_route_with_its_number_of_threads() {
    for (design, workers) in [
        (Design::Netslice, 2),
        (Design::KernelForward, 0),
        (Design::XdpForward, 0),
        (Design::RawSocket, 1),
        (Design::RawParallel { filters: true }, 2),
        (Design::Pcap, 1),
        (Design::PcapMmap, 1),
        (Design::PacketMmapV3, 3),
        (Design::DispatchThreads, 2),
    ] {
        config(design, workers).check().unwrap();
    }
}

#[test]
fn threads_that_a_design_does_not_have_are_refused_with_the_designs_that_do() {
    assert_eq!(
        refused(&config(Design::KernelForward, 1)),
        "kernel_forward: it has no threads, and 1 are asked for"
    );
    let told = refused(&config(Design::Pcap, 2));
    assert!(
        told.contains("one thread for all queues") && told.contains("raw_parallel"),
        "{told}"
    );
    assert!(refused(&config(Design::Netslice, 0)).contains("at least one"));
}

#[test]
fn cpus_are_told_for_all_threads_or_for_none() {
    let placed = |u_peers| SystemConfig {
        u_peers,
        ..config(Design::DispatchThreads, 2)
    };
    for enough in [vec![], vec![0, 1], vec![0, 1, 0]] {
        placed(enough).check().unwrap();
    }
    assert_eq!(
        refused(&placed(vec![0])),
        "dispatch_threads: CPUs are told for 1 of 3 threads: tell all, or none"
    );
    let unplaced = SystemConfig {
        k_peers: vec![0],
        ..config(Design::Netslice, 2)
    };
    assert_eq!(
        refused(&unplaced),
        "netslice: 2 slices need a k-peer each, and 1 are told"
    );
}

#[test]
fn designs_in_the_kernel_do_one_thing_each() {
    let inspect = ProcessorConfig::Inspect {
        patterns: vec!["attack".to_owned()],
    };
    assert!(refused(&config(Design::KernelIpsec, 0)).contains("is not 'router'"));
    for design in [Design::KernelForward, Design::XdpForward] {
        let told = refused(&SystemConfig {
            processor: inspect.clone(),
            ..config(design, 0)
        });
        assert!(
            told.contains("is not 'inspect'") && told.contains("netslice"),
            "{told}"
        );
    }
}

#[test]
fn proxies_are_refused_where_their_streams_would_be_mixed_or_filtered() {
    let proxy = |design, workers| SystemConfig {
        processor: ProcessorConfig::Maelstrom(ProxyConfig {
            side: crate::pair::Side::Egress,
            r: 8,
            c: 3,
            mtu: 1500,
        }),
        ..config(design, workers)
    };
    for (design, workers, why) in [
        (Design::PcapMmap, 1, "nothing in but IP"),
        (Design::DispatchThreads, 2, "nothing in but IP"),
        (Design::PacketMmapV3, 2, "divides frames"),
    ] {
        let told = refused(&proxy(design, workers));
        assert!(
            told.contains(why) && told.contains("choose netslice"),
            "{told}"
        );
    }
    proxy(Design::PacketMmapV3, 1).check().unwrap();
    proxy(Design::Netslice, 2).check().unwrap();
}

#[test]
fn only_a_router_of_slices_is_told_where_frames_go() {
    let asking = |config| SystemConfig {
        routing: Routing::Kernel,
        ..config
    };
    asking(config(Design::Netslice, 1)).check().unwrap();
    let inspector = SystemConfig {
        processor: ProcessorConfig::Inspect {
            patterns: vec!["attack".to_owned()],
        },
        ..config(Design::Netslice, 1)
    };
    for config in [config(Design::RawSocket, 1), inspector] {
        let told = refused(&asking(config));
        assert!(told.contains("choose a router over netslice"), "{told}");
    }
}

#[test]
fn batches_and_devices_are_checked() {
    for batch in [0, 257] {
        let config = SystemConfig {
            batch,
            ..config(Design::Netslice, 1)
        };
        assert!(refused(&config).contains("1 to 256 frames"));
    }
    let one = SystemConfig {
        devices: ["router0".to_owned(), "router0".to_owned()],
        ..config(Design::RawSocket, 1)
    };
    assert!(refused(&one).contains("both are router0"));
}

#[test]
fn configurations_travel_as_json() {
    for design in [Design::Netslice, Design::RawParallel { filters: false }] {
        let config = config(design, 1);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SystemConfig>(&text).unwrap(), config);
    }
}
