//! veth's own queue, full: between the sender's TX ring and the receiver's XDP program lie 256
//! frames per queue. The receiver's NAPI thread is kept off the CPU while the sender floods.
//!
//! Found on Linux 6.18: a frame that finds the queue full is lost and counts in the *sender's*
//! `tx_dropped` alone, although its sender was told that it went out. AF_XDP sockets whose frames
//! in flight are bounded below 256 per queue lose none; kernel sockets do.

#![expect(
    unsafe_code,
    reason = "a mount namespace of a thread's own and its scheduling class"
)]

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use pktio::BatchIo as _;
use pktio::af_xdp::MeshConfig;
use pktio::client::{Flow, Protocol};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use sys::cpu::{self, CpuId};
use sys::napi;
use sys::netns::Namespace;

use crate::rig::{PORT, Rig, SERVER, SERVER_DEVICE, Steered, rig};

pub(crate) const VETH_QUEUE: u64 = 256;

/// Gives the NAPI of a device a thread on `cpu`.
pub(crate) fn thread_napi(space: &Namespace, device: &str, cpu: CpuId) {
    let work = || {
        // SAFETY: only the calling thread, which ends soon, changes its mounts.
        unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.unwrap();
        let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
        mount_change("/", private).unwrap();
        mount("sysfs", "/sys", "sysfs", MountFlags::empty(), None).unwrap();
        napi::set_threaded(device, true).unwrap();
        for thread in napi::threads(device).unwrap() {
            napi::pin(&thread, cpu).unwrap();
        }
    };
    space.run(work).unwrap();
}

/// Runs `work` on `cpu` with nothing else of ordinary priority running there.
pub(crate) fn undisturbed<T: Send>(cpu: CpuId, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let running = scope.spawn(|| {
            cpu::pin_current(cpu).unwrap();
            let priority = libc::sched_param { sched_priority: 1 };
            // SAFETY: the parameter outlives the call; 0 is the calling thread.
            let set = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const priority) };
            assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
            work()
        });
        running.join().unwrap()
    })
}

fn stalled(rig: &Rig, rings: u32) -> (Steered, CpuId) {
    let config = MeshConfig {
        rx_ring: rings,
        ..rig.mesh_config(1)
    };
    let steered = rig.steered(&config);
    let cpu = *cpu::affinity(None).unwrap().first().unwrap();
    thread_napi(&rig.server, SERVER_DEVICE, cpu);
    (steered, cpu)
}

/// What the server's end receives, once the NAPI thread has brought as much as is expected.
fn received(steered: &mut Steered, expected: u64) -> u64 {
    let mut frames = Vec::new();
    let io = &mut steered.mesh.take_ios()[0];
    let patience = Instant::now() + Duration::from_secs(10);
    while (frames.len() as u64) < expected && Instant::now() < patience {
        if io.receive(&mut frames).unwrap() == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    while io.receive(&mut frames).unwrap() > 0 {}
    frames.len() as u64
}

#[test]
fn af_xdp_waits_where_the_queue_would_overflow() {
    const COUNT: u64 = 1500;
    let Some(rig) = rig(1) else { return };
    let (mut steered, cpu) = stalled(&rig, 2048);
    let mut client = rig.client(PORT..=PORT);
    let lane = &mut client.port.queues[0];
    let flow = Flow {
        protocol: Protocol::V4,
        source_port: 40_000,
        server_port: PORT,
    };
    let left = undisturbed(cpu, || {
        for _ in 0..COUNT {
            assert!(lane.push(flow, b"request"));
        }
        let mut left = 0;
        for _ in 0..100 {
            left = lane.send().unwrap();
        }
        u64::from(left)
    });
    let on_the_way = COUNT - left;
    assert!((100..VETH_QUEUE).contains(&on_the_way), "{on_the_way}");
    client.finish(0);
    assert_eq!(rig.client_link().tx_dropped, 0);
    assert_eq!(received(&mut steered, COUNT), COUNT);
}

#[test]
fn what_kernel_senders_lose_counts_in_their_device_alone() {
    const SENDERS: u64 = 5;
    const EACH: u64 = 150;
    let Some(rig) = rig(1) else { return };
    let (mut steered, cpu) = stalled(&rig, 2048);
    let sockets: Vec<UdpSocket> = rig
        .client
        .run(|| {
            (0..SENDERS)
                .map(|_| UdpSocket::bind("0.0.0.0:0").unwrap())
                .collect()
        })
        .unwrap();
    let before = rig.client_link();
    undisturbed(cpu, || {
        for socket in &sockets {
            for _ in 0..EACH {
                socket.send_to(b"request", (SERVER.v4, PORT)).unwrap();
            }
        }
    });
    let lost = rig.client_link().tx_dropped - before.tx_dropped;
    assert_eq!(lost, SENDERS * EACH - VETH_QUEUE);
    assert_eq!(received(&mut steered, VETH_QUEUE), VETH_QUEUE);
    assert_eq!(steered.mesh.probe().drops().unwrap().total(), 0);
    assert_eq!(rig.server_veth("_drops"), 0);
}

/// The same loss counts twice: of a frame that XDP sends back, the link's counter tells what the queue's tells.
#[test]
fn what_xdp_cannot_send_back_counts_in_the_devices_tx_dropped_as_well() {
    const COUNT: u64 = 20;
    let Some(rig) = rig(1) else { return };
    let _reflecting = rig.reflect();
    // The client's end has no NAPI, as nothing there asks for it, so it takes no XDP frame.
    let socket = rig.client.run(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
    let socket = socket.unwrap();
    let before = rig.server_link();
    for _ in 0..COUNT {
        socket.send_to(b"request", (SERVER.v4, PORT)).unwrap();
    }
    let errors = || rig.server_veth("_xdp_tx_errors");
    let deadline = Instant::now() + Duration::from_secs(5);
    while errors() < COUNT && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(errors(), COUNT);
    assert_eq!(rig.server_link().tx_dropped - before.tx_dropped, COUNT);
}
