//! Every design: datagrams of several flows both ways, with what it says of itself.

use std::thread;
use std::time::Duration;

use slices::system::{Design, SystemConfig};
use sys::cpu;

use crate::chain::{Chain, Tap, chain, config};
use crate::traffic::{TTL, check, datagram};

const FLOWS: u16 = 16;
/// Datagrams each way.
const COUNT: u32 = 2000;
/// Datagrams that are sent before what has arrived is looked at.
const BURST: u32 = 50;

/// Sends datagrams of all flows from one end, waits for them at the other and checks them. Sizes go through what there is.
fn pass(from: usize, taps: &mut [Tap; 2]) {
    let mut arrived = Vec::new();
    let [first, second] = taps;
    let (source, sink) = if from == 0 {
        (first, second)
    } else {
        (second, first)
    };
    for begin in (0..COUNT).step_by(BURST as usize) {
        for number in begin..begin + BURST {
            let (flow, len) = (number as u16 % FLOWS, 60 + number as usize * 31 % 1455);
            source.send(&datagram(from, flow, number, len, TTL));
        }
        arrived.extend(sink.receive(BURST as usize));
    }
    let flows = check(1 - from, &arrived);
    assert_eq!(arrived.len(), COUNT as usize, "{flows:?}");
    let each = (COUNT / u32::from(FLOWS)) as usize;
    assert!(flows.values().all(|count| *count == each), "{flows:?}");
    assert_eq!(flows.len(), usize::from(FLOWS));
}

/// Both ways through a system, which loses nothing of it. Returns what it says it has.
fn forwards(chain: &Chain, config: &SystemConfig) -> Vec<(String, String)> {
    let mut taps = [chain.tap(0), chain.tap(1)];
    let mut system = chain.running(config);
    for from in 0..2 {
        pass(from, &mut taps);
    }
    system.quiesce().unwrap();
    let counters = system.counters().unwrap();
    let both = u64::from(2 * COUNT);
    assert_eq!(counters.lost(), 0, "{:?}", counters.losses);
    assert_eq!(
        (counters.sent, counters.made, counters.recovered),
        (both, 0, 0)
    );
    let received = if config.design.is_in_kernel() {
        0
    } else {
        both
    };
    assert_eq!(counters.received, received);
    assert_eq!(system.counters().unwrap(), counters, "nothing moves");
    let threads = system.threads();
    let readers = usize::from(config.design == Design::DispatchThreads);
    assert_eq!(threads.len(), usize::from(config.workers) + readers);
    for (place, thread) in threads.iter().enumerate() {
        assert_eq!(thread.cpu, config.u_peers.get(place).copied());
        if let Some(cpu) = thread.cpu {
            let runs_on = cpu::affinity(Some(thread.tid)).unwrap();
            assert_eq!(runs_on, [cpu::CpuId(cpu)], "{}", thread.name);
        }
    }
    let obtained = system.obtained();
    system.stop().unwrap();
    obtained
}

fn has(obtained: &[(String, String)], name: &str, what: &str) -> bool {
    let line = obtained.iter().find(|(told, _)| told == name);
    line.is_some_and(|(_, told)| told.contains(what))
}

/// Runs a design and looks whether it says so of itself.
fn design(config: &SystemConfig, told: &[(&str, &str)]) {
    let Some(chain) = chain(config.design) else {
        return;
    };
    let obtained = forwards(&chain, config);
    for (name, what) in told {
        assert!(has(&obtained, name, what), "{name}: {what} in {obtained:?}");
    }
}

/// On a CPU that there is.
fn on_one_cpu(config: SystemConfig) -> SystemConfig {
    let cpu = cpu::affinity(None).unwrap()[0].0;
    SystemConfig {
        u_peers: vec![cpu; config.workers.into()],
        k_peers: vec![cpu; config.workers.into()],
        ..config
    }
}

#[test]
fn netslice_by_batches_of_64() {
    let told = [
        ("io", "af_xdp copy"),
        ("xdp", "native"),
        ("rings", "receive 2048"),
        ("batch", "64"),
        ("slice-1", "same_cpu"),
    ];
    design(&on_one_cpu(config(Design::Netslice)), &told);
}

#[test]
fn netslice_packet_by_packet_wherever_the_scheduler_puts_it() {
    let single = SystemConfig {
        batch: 1,
        ..config(Design::Netslice)
    };
    let told = [
        ("batch", "1"),
        ("slice-0", "u-peer wherever the scheduler puts it"),
    ];
    design(&single, &told);
}

#[test]
fn kernel_forward() {
    design(&config(Design::KernelForward), &[("io", "kernel")]);
}

#[test]
fn xdp_forward() {
    design(&config(Design::XdpForward), &[("xdp", "native")]);
}

#[test]
fn raw_socket() {
    let told = [("io", "a system call"), ("sockets", "2"), ("filter", "0 ")];
    design(&on_one_cpu(config(Design::RawSocket)), &told);
}

#[test]
fn raw_parallel_by_filters() {
    let told = [
        ("sockets", "4"),
        ("division", "disjoint filters"),
        ("filter", "34 steps"),
    ];
    design(&config(Design::RawParallel { filters: true }), &told);
}

#[test]
fn raw_parallel_by_copies() {
    let told = [("sockets", "4"), ("division", "a copy"), ("filter", "0 ")];
    design(&config(Design::RawParallel { filters: false }), &told);
}

#[test]
fn pcap() {
    let told = [("filter", "5 steps"), ("snap_len", "65535")];
    design(&config(Design::Pcap), &told);
}

#[test]
fn pcap_mmap() {
    let told = [("rings", "TPACKET_V2"), ("filter", "5 steps")];
    design(&config(Design::PcapMmap), &told);
}

#[test]
fn packet_mmap_v3() {
    let told = [("rings", "TPACKET_V3"), ("fanout", "hash")];
    design(&config(Design::PacketMmapV3), &told);
}

#[test]
fn packet_sockets_pass_a_queueing_discipline_by_where_they_are_asked_to() {
    let sockets = [
        Design::RawSocket,
        Design::RawParallel { filters: true },
        Design::Pcap,
        Design::PcapMmap,
        Design::PacketMmapV3,
        Design::DispatchThreads,
    ];
    for (which, qdisc_bypass) in sockets
        .into_iter()
        .flat_map(|which| [(which, true), (which, false)])
    {
        let config = SystemConfig {
            qdisc_bypass,
            ..config(which)
        };
        design(&config, &[("qdisc_bypass", &qdisc_bypass.to_string())]);
    }
}

#[test]
fn dispatch_threads() {
    let placed = on_one_cpu(config(Design::DispatchThreads));
    let told = [("reader", "pcap_mmap"), ("worker_rings", "1024")];
    design(&placed, &told);
}

/// Frames wait for threads that are not there yet; afterwards they go on.
#[test]
fn what_comes_between_attaching_and_starting_waits() {
    for which in [Design::Netslice, Design::PcapMmap] {
        let Some(chain) = chain(which) else { return };
        let (mut from, mut to) = (chain.tap(0), chain.tap(1));
        let mut system = chain.attached(&config(which));
        assert!(system.threads().is_empty());
        for number in 0..100 {
            from.send(&datagram(0, 0, number, 60, TTL));
        }
        thread::sleep(Duration::from_millis(20));
        assert_eq!(to.receive_now(&mut Vec::new()), 0);
        chain.at_router(|| system.start().unwrap());
        assert_eq!(check(1, &to.receive(100)).values().sum::<usize>(), 100);
        system.stop().unwrap();
    }
}
