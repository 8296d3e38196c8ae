//! NAPI threads of a veth: when there are any, which queue each serves, and pinning.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use steerbench_sys::account::{CpuSnapshot, switches};
use steerbench_sys::napi::NapiThread;
use steerbench_sys::netns::Namespace;
use steerbench_sys::{cpu, ethtool, link, napi};

use super::links::configured_pair;
use super::xdp;

const DATAGRAMS: u64 = 50;

/// The kernel starts and ends the threads within the call, but the netdev family shows a thread of an
/// instance that was just made only when it exists.
fn expect_threads(device: &str, count: usize) -> Vec<NapiThread> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let threads = napi::threads(device).unwrap();
        if threads.len() == count {
            return threads;
        }
        assert!(
            Instant::now() < deadline,
            "{count} threads expected, there are {threads:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn existence() {
    let _client = configured_pair(2);
    assert!(!napi::is_threaded("server").unwrap());
    let early = napi::set_threaded("server", true).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::Unsupported);
    assert!(early.to_string().contains("attach XDP"), "{early}");
    xdp::attach_pass("server");
    assert_eq!(napi::threads("server").unwrap(), [], "not threaded yet");
    napi::set_threaded("server", true).unwrap();
    assert!(napi::is_threaded("server").unwrap());
    let first = expect_threads("server", 2);
    assert_eq!(
        first.iter().map(|thread| thread.queue).collect::<Vec<_>>(),
        [0, 1]
    );
    for thread in &first {
        let comm = std::fs::read_to_string(format!("/proc/{}/comm", thread.pid)).unwrap();
        assert_eq!(comm.trim(), format!("napi/server-{}", thread.napi_id));
    }
    xdp::attach_pass("server");
    assert_eq!(
        expect_threads("server", 2),
        first,
        "replacing the program keeps the threads"
    );
    xdp::detach("server");
    expect_threads("server", 0);
    xdp::attach_pass("server");
    let second = expect_threads("server", 2);
    assert!(
        second.iter().all(|thread| !first.contains(thread)),
        "they are new threads"
    );
    xdp::detach("server");

    ethtool::set_features("server", &[("rx-gro", true)]).unwrap();
    expect_threads("server", 2);
    napi::set_threaded("server", false).unwrap();
    assert!(!napi::is_threaded("server").unwrap());
}

/// What one flow caused: datagrams by receive queue (the driver's counter) and wakes by thread.
fn of_one_flow(client: &Namespace, threads: &[NapiThread], port: u16) -> (Vec<u64>, Vec<u64>) {
    let counted = || {
        let counters = ethtool::statistics("server").unwrap();
        let by_queue = (0..threads.len()).map(|at| counters[&format!("rx_queue_{at}_xdp_packets")]);
        let wakes = threads
            .iter()
            .map(|thread| switches(thread.pid).unwrap().voluntary);
        (by_queue.collect::<Vec<_>>(), wakes.collect::<Vec<_>>())
    };
    let before = counted();
    let receiver = UdpSocket::bind(("198.18.0.1", 11211)).unwrap();
    receiver
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    client
        .run(|| {
            let sender = UdpSocket::bind(("198.18.0.2", port)).unwrap();
            for _ in 0..DATAGRAMS {
                sender.send_to(b"ping", ("198.18.0.1", 11211)).unwrap();
                receiver.recv(&mut [0; 64]).unwrap();
            }
        })
        .unwrap();
    // The thread may still be on its way to sleep.
    std::thread::sleep(Duration::from_millis(5));
    let after = counted();
    let minus = |a: Vec<u64>, b: Vec<u64>| a.into_iter().zip(b).map(|(a, b)| a - b).collect();
    (minus(after.0, before.0), minus(after.1, before.1))
}

/// Flows spread over the queues by their hash; the driver counts per queue, and the thread that woke
/// must be the one that we say serves it.
pub(crate) fn order() {
    const QUEUES: usize = 4;
    let client = configured_pair(QUEUES as u32);
    xdp::attach_pass("server");
    napi::set_threaded("server", true).unwrap();
    let threads = expect_threads("server", QUEUES);
    assert!(threads.is_sorted_by_key(|thread| thread.napi_id));
    let mut seen = BTreeSet::new();
    for port in 20_000..20_400 {
        let (by_queue, wakes) = of_one_flow(&client, &threads, port);
        let queue = by_queue.iter().position(|&count| count > 0).unwrap();
        assert_eq!(by_queue.iter().sum::<u64>(), DATAGRAMS, "{by_queue:?}");
        assert_eq!(
            by_queue[queue], DATAGRAMS,
            "a flow keeps its queue: {by_queue:?}"
        );
        let busiest = (0..QUEUES).max_by_key(|&at| wakes[at]).unwrap();
        assert_eq!(
            threads[busiest].queue as usize, queue,
            "{by_queue:?} {wakes:?}"
        );
        // A thread that was just made also switches out once by itself.
        let others = wakes.iter().sum::<u64>() - wakes[busiest];
        assert!(others < QUEUES as u64, "{wakes:?}");
        seen.insert(queue);
        if seen.len() == QUEUES {
            return;
        }
    }
    panic!("only the queues {seen:?} were used");
}

pub(crate) fn pinned() {
    let client = configured_pair(2);
    xdp::attach_pass("server");
    napi::set_threaded("server", true).unwrap();
    let threads = expect_threads("server", 2);
    let cpus = cpu::affinity(None).unwrap();
    for (thread, &cpu) in threads.iter().zip(cpus.iter().cycle()) {
        napi::pin(thread, cpu).unwrap();
        assert_eq!(cpu::affinity(Some(thread.pid)).unwrap(), [cpu]);
    }
    assert!(napi::pin(&threads[0], cpu::CpuId(1000)).is_err());
    let accounts = || CpuSnapshot::of_threads(threads.iter().map(|thread| thread.pid)).unwrap();
    let before = accounts();
    of_one_flow(&client, &threads, 20_000);
    let used = accounts().since(&before);
    assert!(
        used.total.sched.run_ns > 0 && used.total.sched.timeslices > 0,
        "{used:?}"
    );
    assert!(used.came.is_empty() && used.gone.is_empty());
    assert_eq!(link::statistics("server").unwrap().rx_packets, DATAGRAMS);
}
