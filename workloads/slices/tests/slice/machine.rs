//! What attaching does to the machine, and that it is undone.

use std::net::UdpSocket;
use std::time::Duration;

use slices::placement::apply::Outcome;
use slices::placement::{Placement, PlacementError, SliceCpus};
use slices::slice::{Chosen, Error, Message, Port, Slices, SlicesConfig};
use sys::cpu::{self, CpuId};
use sys::journal::{self, Change, Journal};
use sys::napi;

use crate::calls::PATIENCE;
use crate::hosts::{DEVICES, Hosts, config};

/// Where the NAPI threads of a device may run, queue by queue.
fn threads(device: &str) -> Vec<Vec<CpuId>> {
    let threads = napi::threads(device).unwrap();
    threads
        .iter()
        .map(|thread| cpu::affinity(Some(thread.pid)).unwrap())
        .collect()
}

pub(crate) fn k_peers() {
    let _hosts = Hosts::new(2);
    let slices = Slices::attach(&config(1), None).unwrap();
    let k_peer = slices.plan().slices[0].k_peer;
    for device in DEVICES {
        assert_eq!(threads(device)[0], [k_peer], "{device}");
    }
    let holding = slices.applied().iter().filter(|one| one.holds_k_peer());
    assert_eq!(holding.count(), DEVICES.len());
    let refused = slices
        .applied()
        .iter()
        .filter(|one| matches!(one.outcome, Outcome::Refused { .. }));
    assert_eq!(refused.count(), 0, "{:?}", slices.applied());
    let reasons: Vec<String> = slices.applied().iter().map(ToString::to_string).collect();
    assert!(
        reasons
            .iter()
            .any(|told| told.starts_with("left0: no Spread: ")),
        "{reasons:?}"
    );
    drop(slices);
    for device in DEVICES {
        assert!(!napi::is_threaded(device).unwrap(), "{device}");
    }
}

pub(crate) fn moved() {
    let allowed = cpu::affinity(None).unwrap();
    let [first, second, ..] = allowed[..] else {
        println!("SKIPPED: moving a slice takes two CPUs");
        return;
    };
    let _hosts = Hosts::new(2);
    let wanted = SlicesConfig {
        placement: Placement::SameCpu,
        ..config(1)
    };
    let mut slices = Slices::attach(&wanted, None).unwrap();
    let slice = slices.open(0, Chosen).unwrap();
    let at = |cpu| SliceCpus {
        k_peer: cpu,
        u_peers: vec![cpu],
    };
    for cpu in [first, second] {
        let applied = slices.set_cpus(0, at(cpu)).unwrap();
        assert!(applied.iter().any(|one| one.holds_k_peer()));
        assert_eq!(threads(DEVICES[0])[0], [cpu]);
        assert_eq!(slice.cpus(), at(cpu));
        slice.run_here().unwrap();
        assert_eq!(cpu::current(), cpu);
        // The next slices are placed where this thread may run.
        cpu::set_affinity(None, &allowed).unwrap();
    }
    let no_u_peer = SliceCpus {
        u_peers: Vec::new(),
        ..at(first)
    };
    assert!(slices.set_cpus(0, no_u_peer).is_err());
    assert!(matches!(
        slices.set_cpus(1, at(first)),
        Err(Error::NoSuchSlice { .. })
    ));
    drop(slice);
    drop(slices);

    let wanted = SlicesConfig {
        placement: Placement::SameCpu,
        ..config(2)
    };
    let mut slices = Slices::attach(&wanted, None).unwrap();
    let plan = slices.plan();
    let taken = slices.set_cpus(0, plan.slices[1].clone()).unwrap_err();
    assert!(matches!(taken, Error::Taken { slice: 1, .. }), "{taken}");
    assert_eq!(slices.plan(), plan);
    for (queue, slice) in plan.slices.iter().enumerate() {
        assert_eq!(threads(DEVICES[1])[queue], [slice.k_peer]);
    }
}

pub(crate) fn lacking() {
    let _hosts = Hosts::new(1);
    let refused = |config: &SlicesConfig| match Slices::attach(config, None) {
        Ok(_) => panic!("{config:?} was granted"),
        Err(error) => error,
    };
    let wanted = SlicesConfig {
        placement: Placement::SameCpu,
        ..config(2)
    };
    let enough_cpus = cpu::affinity(None).unwrap().len() > 1;
    if enough_cpus {
        let error = refused(&wanted).to_string();
        assert!(
            error.contains("left0 has 1 queues, 2 slices need as many"),
            "{error}"
        );
    }
    let many = refused(&config(1000));
    assert!(
        matches!(many, Error::Placement(PlacementError::TooFew { .. })),
        "{many}"
    );
    let absent = SlicesConfig {
        devices: vec!["absent".to_owned()],
        ..config(1)
    };
    assert!(matches!(refused(&absent), Error::Io(_)));
    // Nothing is left of the attempts: the devices can be had.
    drop(Slices::attach(&config(1), None).unwrap());
}

/// What is for the machine itself reaches it, unless the slice asks for it.
pub(crate) fn own() {
    let hosts = Hosts::new(1);
    let _forwarding = hosts.route();
    let socket = UdpSocket::bind((hosts.middle(), 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let left = hosts.left.socket(hosts.left.v4.into(), PATIENCE);
    let none = SlicesConfig {
        own: Some(Vec::new()),
        ..config(1)
    };
    for (config, kept) in [(config(1), 1), (none, 0)] {
        let mut slices = Slices::attach(&config, None).unwrap();
        let mut slice = slices.open(0, Chosen).unwrap();
        let to = socket.local_addr().unwrap();
        left.send_to(b"for the machine", to).unwrap();
        if kept == 1 {
            assert_eq!(socket.recv(&mut [0; 64]).unwrap(), 15);
            assert!(!slice.poll(Duration::ZERO).unwrap());
        } else {
            assert!(slice.poll(PATIENCE).unwrap());
        }
        assert_eq!(slices.counters().unwrap()[0].redirected, [1 - kept]);
    }
}

pub(crate) fn reopened() {
    let hosts = Hosts::new(1);
    let mut slices = hosts.slices(1);
    let slice = slices.open(0, Chosen).unwrap();
    assert!(slices.open(0, Chosen).is_err(), "its queue has a socket");
    assert!(matches!(
        slices.open(1, Chosen),
        Err(Error::NoSuchSlice {
            number: 1,
            slices: 1
        })
    ));
    drop(slice);
    let mut slice = slices.open(0, Chosen).unwrap();
    slice.write(&Message::new(&[2; 60], Port(0))).unwrap();
    assert_eq!(slice.counters().transmitted, 1);
}

/// What a killed process leaves behind can be put back.
pub(crate) fn journalled() {
    let _hosts = Hosts::new(1);
    let folder = std::env::temp_dir().join(format!("slice-journal-{}", std::process::id()));
    let mut journal = Journal::open(&folder).unwrap();
    let slices = Slices::attach(&config(1), Some(&mut journal)).unwrap();
    let found = journal::find(&folder).unwrap();
    for device in DEVICES {
        let change = Change::Setting {
            path: format!("/sys/class/net/{device}/threaded").into(),
            old: "0".to_owned(),
            new: "1".to_owned(),
        };
        assert!(found[0].changes.contains(&change), "{found:?}");
    }
    drop(slices);
    journal.clear().unwrap();
}
