//! Systems that steer to kernel sockets by programs, and RSS that a program computes.

use super::cable::{CLIENT, SERVER, cable, skip};
use super::client::{Client, OWNERS, config, found, items, line, own_address};
use super::loopback::converse_over_loopback;
use super::scenario::{counters, started};
use super::veth::{converse_over_veth, veth};
use kv::server::Server;
use kv::systems::{FlowHash, IoKind, SystemKind, Wakeup};
use packet::Addresses;
use steering::PartitionTable;
use steering::flow::{mix_hash, toeplitz_hash};
use steering::hash::hash_bytes;
use steering::rss::Tuple;
use steering::table::{Table, entry, epoch_in, slot_of};

const BY_KEY: [SystemKind; 3] = [
    SystemKind::ReuseportEbpf,
    SystemKind::XdpPosix,
    SystemKind::XdpCpumap,
];

#[test]
fn each_serves_over_veth() {
    for system in BY_KEY {
        converse_over_veth(system, IoKind::Udp, Wakeup::Eventfd);
    }
    converse_over_veth(SystemKind::ProgrammableRss, IoKind::AfXdp, Wakeup::Eventfd);
}

#[test]
fn reuseport_needs_no_device() {
    if !rustix::process::geteuid().is_root() {
        skip("eBPF programs need root");
        return;
    }
    converse_over_loopback(SystemKind::ReuseportEbpf, Wakeup::Eventfd);
    converse_over_loopback(SystemKind::ReuseportEbpf, Wakeup::Batched);
}

/// A slot that is wrong in the kernel's table alone misroutes its requests and no others, all of which
/// are served; moving it properly ends that. So moves reach the tables of every program.
#[test]
fn a_wrong_slot_misroutes_exactly_its_requests_until_it_is_moved() {
    for system in BY_KEY {
        let config = veth(system, IoKind::Udp, Wakeup::Eventfd);
        let Some(cable) = cable(config.queues) else {
            return;
        };
        let load = || Server::load(&config).map(started);
        let mut server = cable.server.run(load).expect("enter").expect("load");
        let items = items();
        let slot = slot_of(hash_bytes(&items[0].0));
        let of_slot = items
            .iter()
            .filter(|(key, _)| slot_of(hash_bytes(key)) == slot);
        let of_slot = of_slot.count() as u64;
        let ask_all = || {
            let mut client = Client::new(CLIENT, SERVER, system);
            for (key, value) in &items {
                assert_eq!(client.ask(key, &line("get", key)), found(key, value));
            }
        };
        let right = server.table().entry(slot).expect("a slot");
        let wrong = (server.table().owner_of(hash_bytes(&items[0].0)) + 1) % OWNERS;
        server
            .misdirect_slot(slot, entry(epoch_in(right), wrong))
            .expect("the kernel's table");
        cable.client.run(ask_all).expect("enter");
        let total = counters(&server).total();
        assert_eq!(
            (total.misroutes, total.handoffs),
            (of_slot, of_slot),
            "{system}"
        );
        server.move_slots(&[(slot, wrong)]).expect("move");
        cable.client.run(ask_all).expect("enter");
        let total = counters(&server).total();
        assert_eq!(
            (total.misroutes, total.handoffs),
            (of_slot, of_slot),
            "{system}"
        );
        assert_eq!(total.executed_get, 2 * items.len() as u64);
        server.stop().expect("stop");
    }
}

/// The stack runs where the owner does, in the kernel's threads, of which there is one for each CPU.
#[test]
fn a_cpumap_leaves_nothing_to_hop() {
    let config = veth(SystemKind::XdpCpumap, IoKind::Udp, Wakeup::Eventfd);
    let Some(cable) = cable(config.queues) else {
        return;
    };
    let load = || Server::load(&config).map(started);
    let server = cable.server.run(load).expect("enter").expect("load");
    let threads = server.kernel_threads().expect("/proc");
    let mut cpus: Vec<_> = threads.iter().filter_map(|thread| thread.cpu).collect();
    cpus.sort_unstable();
    let mut cores = server.config().cores.clone();
    cores.sort_unstable();
    cores.dedup();
    assert_eq!(cpus, cores);
    for thread in &threads {
        let cpu = sys::cpu::CpuId(thread.cpu.expect("in its name"));
        assert_eq!(
            sys::cpu::affinity(Some(thread.tid)).expect("a thread"),
            [cpu]
        );
    }
    let before = counters(&server);
    let asked = items().len() as u64;
    let ask_all = || {
        let mut client = Client::new(CLIENT, SERVER, SystemKind::XdpCpumap);
        for (key, value) in items() {
            assert_eq!(client.ask(&key, &line("get", &key)), found(&key, &value));
        }
    };
    cable.client.run(ask_all).expect("enter");
    let delta = counters(&server).since(&before);
    assert_eq!(delta.hops_before_threads, Some(0));
    let placed = |program: &str| -> u64 {
        let prefix = format!("{program}_placed_");
        let of_program = delta
            .related
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix));
        of_program.map(|(_, count)| count).sum()
    };
    assert_eq!((placed("xdp"), placed("reuseport")), (asked, asked));
    server.stop().expect("stop");
}

type Hash = fn(&Tuple) -> u64;

/// Each flow is served by the owner that the function names, whichever queue its frames came by, also
/// with more owners than queues.
#[test]
fn flows_go_where_the_function_says() {
    let hashes: [(FlowHash, Hash); 2] = [
        (FlowHash::Toeplitz, toeplitz_hash),
        (FlowHash::Mix, mix_hash),
    ];
    for (flow_hash, hash) in hashes {
        let mut config = veth(SystemKind::ProgrammableRss, IoKind::AfXdp, Wakeup::Eventfd);
        config.flow_hash = flow_hash;
        let core = config.cores[0];
        config.cores.push(core);
        let owners = config.owners() as u16;
        let Some(cable) = cable(config.queues) else {
            return;
        };
        let load = || Server::load(&config).map(started);
        let server = cable.server.run(load).expect("enter").expect("load");
        let before = counters(&server);
        let ask = || {
            let (key, value) = &items()[0];
            (0..60)
                .map(|_| {
                    let mut client = Client::new(CLIENT, SERVER, SystemKind::ProgrammableRss);
                    assert_eq!(client.ask(key, &line("get", key)), found(key, value));
                    client.port_of_its_own()
                })
                .collect::<Vec<u16>>()
        };
        let ports = cable.client.run(ask).expect("enter");
        let table = PartitionTable::even(owners);
        let mut expected = vec![0; usize::from(owners)];
        let (std::net::IpAddr::V4(client), std::net::IpAddr::V4(host)) = (CLIENT, SERVER) else {
            panic!("the cable's addresses")
        };
        for src_port in ports {
            let flow = Tuple {
                addresses: Addresses::V4(client.octets(), host.octets()),
                src_port,
                dst_port: config.port,
            };
            expected[usize::from(table.owner_of(hash(&flow)))] += 1;
        }
        let delta = counters(&server).since(&before);
        let received: Vec<u64> = delta
            .threads
            .iter()
            .map(|thread| thread.io.received)
            .collect();
        assert_eq!(received, expected, "{flow_hash:?}");
        server.stop().expect("stop");
    }
}

#[test]
fn the_flow_hash_has_no_form_over_kernel_sockets_nor_the_others_over_af_xdp() {
    let choices = BY_KEY.map(|system| (system, IoKind::AfXdp));
    for (system, io) in choices
        .into_iter()
        .chain([(SystemKind::ProgrammableRss, IoKind::Udp)])
    {
        let refused = config(system, io, Wakeup::Eventfd, own_address()).validate();
        let reason = refused.expect_err("no such system").to_string();
        assert!(reason.contains(system.name()), "{reason}");
    }
}
