//! What a device must be told so that the packets of queue i stay on the CPUs of slice i. Decided from what the
//! device says of itself; what it does not have is skipped, and the reason goes along.
//!
//! The paper binds interrupts of queue i to the k-peer of slice i and chooses the outgoing queue itself (section 3). Beside
//! the interrupts' affinity, Linux moves packets between CPUs by RPS and XPS, and the NIC spreads flows over queues by RSS
//! (Documentation/networking/scaling.rst). A veth has no interrupts: its queues' NAPI threads are pinned in
//! their place.

use sys::cpu::{CpuId, format_mask};
use sys::device::{Device, Interrupt};

use super::SliceCpus;

/// One setting of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// A queue's interrupt is taken by the k-peer.
    Interrupt {
        /// Queue.
        queue: u16,
        /// Number of the interrupt.
        irq: u32,
        /// The k-peer.
        cpu: CpuId,
    },
    /// A queue is polled by a kernel thread of its own, on the k-peer.
    NapiThread {
        /// Queue.
        queue: u16,
        /// The k-peer.
        cpu: CpuId,
    },
    /// Received packets of a queue are passed on to no other CPU (RPS).
    ReceiveSteering {
        /// Queue.
        queue: u16,
        /// No CPU, in hexadecimal.
        mask: String,
    },
    /// What the CPUs of the slice send by the kernel's own sockets leaves by the slice's queue (XPS).
    TransmitSteering {
        /// Queue.
        queue: u16,
        /// CPUs of the slice, in hexadecimal.
        mask: String,
    },
    /// Flows are spread evenly over the slices' queues (RSS).
    Spread {
        /// Queue by entry of the indirection table.
        table: Vec<u32>,
    },
}

/// A kind of setting, where a device has nothing to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// [`Setting::Interrupt`].
    Interrupt,
    /// [`Setting::NapiThread`].
    NapiThread,
    /// [`Setting::ReceiveSteering`].
    ReceiveSteering,
    /// [`Setting::TransmitSteering`].
    TransmitSteering,
    /// [`Setting::Spread`].
    Spread,
}

/// What is to become of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is made.
    Make(Setting),
    /// There is none.
    Skip {
        /// Which.
        kind: Kind,
        /// Of this queue, or of the whole device.
        queue: Option<u16>,
        /// Why.
        reason: String,
    },
}

/// Everything that a device is to be told, in the order in which it is told.
#[must_use]
pub fn decide(device: &Device, slices: &[SliceCpus]) -> Vec<Decision> {
    let mut decisions = vec![spread(device, slices.len())];
    for (queue, cpus) in (0..).zip(slices) {
        decisions.extend(k_peer(device, queue, cpus.k_peer));
        decisions.push(steering(device, queue, Kind::ReceiveSteering, &[]));
        decisions.push(steering(device, queue, Kind::TransmitSteering, &cpus.all()));
    }
    decisions
}

/// Each queue in turn, as `ethtool -X DEV equal N` does it.
fn spread(device: &Device, slices: usize) -> Decision {
    match device.rss.known() {
        Some(rss) => Decision::Make(Setting::Spread {
            table: (0..rss.table.len())
                .map(|at| (at % slices) as u32)
                .collect(),
        }),
        None => skip(Kind::Spread, None, device.rss.reason().unwrap_or_default()),
    }
}

/// The interrupts of both directions where the queue has two, as NetSlices bound them (section 3), or the NAPI thread.
fn k_peer(device: &Device, queue: u16, cpu: CpuId) -> Vec<Decision> {
    let Some(interrupts) = device.interrupts.known() else {
        return vec![match device.napi.threaded.reason() {
            None => Decision::Make(Setting::NapiThread { queue, cpu }),
            Some(reason) => skip(Kind::NapiThread, Some(queue), reason),
        }];
    };
    let irqs = of_queue(&device.name, interrupts, queue);
    let mut decisions: Vec<Decision> = irqs
        .map(|irq| Decision::Make(Setting::Interrupt { queue, irq, cpu }))
        .collect();
    if decisions.is_empty() {
        let reason = "no interrupt of the device is named after the queue";
        decisions.push(skip(Kind::Interrupt, Some(queue), reason));
    }
    decisions
}

/// The interrupts whose names end in the queue's number, as drivers name them: `eth0-TxRx-0`, `virtio0-input.0` and
/// `virtio0-output.0`, `mlx5_comp0@pci:0000:03:00.0`. The device's own are none: `eth0`, `mlx5_async0@pci:0000:03:00.0`.
fn of_queue(device: &str, interrupts: &[Interrupt], queue: u16) -> impl Iterator<Item = u32> {
    let named = move |interrupt: &&Interrupt| {
        let name = interrupt.name.as_deref().unwrap_or_default();
        let name = name.split_once('@').map_or(name, |(name, _)| name);
        let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (rest, number) = name.split_at(name.len() - digits);
        number.parse() == Ok(queue) && !rest.ends_with("async") && !name.ends_with(device)
    };
    interrupts
        .iter()
        .filter(named)
        .map(|interrupt| interrupt.irq)
}

fn steering(device: &Device, queue: u16, kind: Kind, cpus: &[CpuId]) -> Decision {
    let direction = if kind == Kind::ReceiveSteering {
        "rx"
    } else {
        "tx"
    };
    let name = format!("{direction}-{queue}");
    let Some(queues) = device.queues.known() else {
        return skip(
            kind,
            Some(queue),
            device.queues.reason().unwrap_or_default(),
        );
    };
    let Some(found) = queues.iter().find(|found| found.name == name) else {
        return skip(
            kind,
            Some(queue),
            &format!("the device has no queue {name}"),
        );
    };
    let Some(present) = &found.cpus else {
        return skip(
            kind,
            Some(queue),
            "the kernel has no such setting for the queue",
        );
    };
    let mask = format_mask(present, cpus);
    Decision::Make(if kind == Kind::ReceiveSteering {
        Setting::ReceiveSteering { queue, mask }
    } else {
        Setting::TransmitSteering { queue, mask }
    })
}

fn skip(kind: Kind, queue: Option<u16>, reason: &str) -> Decision {
    Decision::Skip {
        kind,
        queue,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sys::device::{Napi, Queue};
    use sys::environment::Reading;
    use sys::ethtool::Rss;

    use super::*;

    fn interrupt(irq: u32, name: &str) -> Interrupt {
        Interrupt {
            irq,
            name: Some(name.to_owned()),
            affinity: None,
            effective: None,
        }
    }

    fn queue(name: &str, cpus: Option<&str>) -> Queue {
        Queue {
            name: name.to_owned(),
            cpus: cpus.map(str::to_owned),
        }
    }

    /// A device that has nothing to set.
    fn bare() -> Device {
        Device {
            name: "d".to_owned(),
            driver: Reading::absent("none"),
            mtu: 1500,
            speed_mbit: Reading::absent("none"),
            numa_node: Reading::absent("none"),
            channels: Reading::absent("none"),
            rings: Reading::absent("none"),
            coalescing: Reading::absent("none"),
            offloads: Reading::absent("none"),
            rss: Reading::absent("no RSS"),
            interrupts: Reading::absent("no interrupts"),
            queues: Reading::Known(Vec::new()),
            napi: Napi {
                threaded: Reading::Known(false),
                defer_hard_irqs: Reading::absent("none"),
                gro_flush_timeout_ns: Reading::absent("none"),
            },
            xdp_mode: None,
        }
    }

    fn slice(k_peer: u32, u_peer: u32) -> SliceCpus {
        SliceCpus {
            k_peer: CpuId(k_peer),
            u_peers: vec![CpuId(u_peer)],
        }
    }

    #[test]
    fn a_nic_gets_interrupts_masks_and_an_even_table() {
        let nic = Device {
            name: "eth0".to_owned(),
            interrupts: Reading::Known(vec![
                interrupt(40, "eth0"),
                interrupt(41, "eth0-TxRx-0"),
                interrupt(42, "eth0-TxRx-1"),
            ]),
            queues: Reading::Known(
                ["rx-0", "rx-1", "tx-0", "tx-1"]
                    .map(|name| queue(name, Some("0000")))
                    .to_vec(),
            ),
            rss: Reading::Known(Rss {
                function: "toeplitz".to_owned(),
                key: String::new(),
                table: vec![3; 5],
            }),
            ..bare()
        };
        let made = decide(&nic, &[slice(0, 8), slice(1, 9)]);
        let steered = |queue, irq, transmit: &str| {
            [
                Setting::Interrupt {
                    queue,
                    irq,
                    cpu: CpuId(u32::from(queue)),
                },
                Setting::ReceiveSteering {
                    queue,
                    mask: "0000".to_owned(),
                },
                Setting::TransmitSteering {
                    queue,
                    mask: transmit.to_owned(),
                },
            ]
        };
        let mut expected = vec![Setting::Spread {
            table: vec![0, 1, 0, 1, 0],
        }];
        expected.extend(steered(0, 41, "0101"));
        expected.extend(steered(1, 42, "0202"));
        let expected: Vec<Decision> = expected.into_iter().map(Decision::Make).collect();
        assert_eq!(made, expected);
    }

    #[test]
    fn a_veth_gets_napi_threads_and_reasons() {
        let veth = Device {
            queues: Reading::Known(vec![queue("rx-0", Some("0")), queue("tx-0", None)]),
            ..bare()
        };
        let cpu = CpuId(1);
        assert_eq!(
            decide(&veth, &[slice(1, 0)]),
            [
                skip(Kind::Spread, None, "no RSS"),
                Decision::Make(Setting::NapiThread { queue: 0, cpu }),
                Decision::Make(Setting::ReceiveSteering {
                    queue: 0,
                    mask: "0".to_owned()
                }),
                skip(
                    Kind::TransmitSteering,
                    Some(0),
                    "the kernel has no such setting for the queue"
                ),
            ]
        );
        let unthreaded = Device {
            napi: Napi {
                threaded: Reading::absent("old kernel"),
                ..veth.napi.clone()
            },
            queues: Reading::absent("foreign /sys"),
            ..veth
        };
        assert_eq!(
            decide(&unthreaded, &[slice(1, 0)])[1..],
            [
                skip(Kind::NapiThread, Some(0), "old kernel"),
                skip(Kind::ReceiveSteering, Some(0), "foreign /sys"),
                skip(Kind::TransmitSteering, Some(0), "foreign /sys"),
            ]
        );
    }

    #[test]
    fn interrupts_are_told_by_the_number_at_the_end_of_their_names() {
        let virtio = [
            "virtio0-config",
            "virtio0-output.0",
            "virtio0-input.0",
            "virtio0-input.10",
        ];
        let named = |names: &[&str]| -> Vec<Interrupt> {
            (40..)
                .zip(names)
                .map(|(irq, name)| interrupt(irq, name))
                .collect()
        };
        let of = |names: &[&str], queue| of_queue("eth0", &named(names), queue).collect::<Vec<_>>();
        assert_eq!(of(&virtio, 0), [41, 42]);
        assert_eq!(of(&virtio, 10), [43]);
        assert!(of(&virtio, 1).is_empty());
        let mellanox = [
            "mlx5_async0@pci:0000:03:00.0",
            "mlx5_comp0@pci:0000:03:00.0",
            "mlx5_comp1@pci:0000:03:00.0",
        ];
        assert_eq!(of(&mellanox, 0), [41]);
        let others = ["eth0", "eth0-tx-0", "eth0-rx-0", "eth0-TxRx-1"];
        assert_eq!(of(&others, 0), [41, 42]);
        assert_eq!(of(&others, 1), [43]);
    }
}
