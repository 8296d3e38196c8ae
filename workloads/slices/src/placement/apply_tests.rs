//! The order of settings and the account of them, over a machine that is none.

use sys::device::{Napi, Queue};
use sys::environment::Reading;
use sys::ethtool::Rss;

use super::*;

/// A machine with two-queue devices that refuses what it is told to refuse.
struct Fake {
    refuses: fn(&Setting) -> bool,
    made: Vec<(String, Setting)>,
}

impl Host for Fake {
    fn describe(&mut self, device: &str) -> io::Result<Device> {
        if device == "absent" {
            return Err(io::ErrorKind::NotFound.into());
        }
        let none = "a fake";
        let queue = |name: &str| Queue {
            name: name.to_owned(),
            cpus: Some("0".to_owned()),
        };
        Ok(Device {
            name: device.to_owned(),
            driver: Reading::absent(none),
            mtu: 1500,
            speed_mbit: Reading::absent(none),
            numa_node: Reading::absent(none),
            channels: Reading::absent(none),
            rings: Reading::absent(none),
            coalescing: Reading::absent(none),
            offloads: Reading::absent(none),
            rss: Reading::Known(Rss {
                function: "toeplitz".to_owned(),
                key: String::new(),
                table: vec![0; 4],
            }),
            interrupts: Reading::absent("virtual"),
            queues: Reading::Known(["rx-0", "rx-1", "tx-0"].map(queue).to_vec()),
            napi: Napi {
                threaded: Reading::Known(false),
                defer_hard_irqs: Reading::absent(none),
                gro_flush_timeout_ns: Reading::absent(none),
            },
            xdp_mode: None,
        })
    }

    fn make(&mut self, device: &str, setting: &Setting) -> io::Result<()> {
        if (self.refuses)(setting) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.made.push((device.to_owned(), setting.clone()));
        Ok(())
    }
}

fn slices() -> Vec<SliceCpus> {
    let slice = |cpu| SliceCpus {
        k_peer: CpuId(cpu),
        u_peers: vec![CpuId(cpu)],
    };
    vec![slice(0), slice(1)]
}

fn devices() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

#[test]
fn every_device_is_told_of_every_slice_and_what_it_lacks_is_recorded() {
    let mut host = Fake {
        refuses: |_| false,
        made: Vec::new(),
    };
    let applied = apply(&mut host, &devices(), &slices()).unwrap();
    let made = applied
        .iter()
        .filter(|one| matches!(one.outcome, Outcome::Made(_)));
    assert_eq!(made.count(), host.made.len());
    let k_peers: Vec<&str> = applied
        .iter()
        .filter(|one| one.holds_k_peer())
        .map(|one| one.device.as_str())
        .collect();
    assert_eq!(k_peers, ["a", "a", "b", "b"]);
    let skipped: Vec<String> = applied
        .iter()
        .filter(|one| matches!(one.outcome, Outcome::Skipped { .. }))
        .map(ToString::to_string)
        .collect();
    let reason = "no TransmitSteering of queue 1: the device has no queue tx-1";
    assert_eq!(skipped, [format!("a: {reason}"), format!("b: {reason}")]);
}

#[test]
fn a_refusal_is_recorded_and_the_rest_is_made() {
    let mut host = Fake {
        refuses: |setting| matches!(setting, Setting::NapiThread { queue: 0, .. }),
        made: Vec::new(),
    };
    let applied = apply(&mut host, &devices(), &slices()).unwrap();
    let refused: Vec<&Applied> = applied
        .iter()
        .filter(|one| matches!(one.outcome, Outcome::Refused { .. }))
        .collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|one| !one.holds_k_peer()));
    assert!(
        refused[0]
            .to_string()
            .contains("refused: permission denied"),
        "{}",
        refused[0]
    );
    // Per device: the table, one of two threads, two receive masks, one transmit mask.
    assert_eq!(host.made.len(), 2 * 5);
}

#[test]
fn a_device_that_is_not_there_is_an_error() {
    let mut host = Fake {
        refuses: |_| false,
        made: Vec::new(),
    };
    let devices = ["absent".to_owned()];
    let error = apply(&mut host, &devices, &slices()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(host.made.is_empty());
}
