//! NAPI threads: one kernel thread per queue, pinned like an interrupt.
//!
//! XDP on veth runs on the sender's CPU unless the receiving end is threaded; then each receive queue
//! has a thread `napi/DEV-ID` that can be pinned: the stand-in for interrupt affinity. Facts
//! (drivers/net/veth.c and net/core/dev.c of 6.x, checked by this crate's tests on 6.18):
//! - veth has NAPI instances only while it is up with an XDP program attached or GRO on, so the threads
//!   exist only then, and [`set_threaded`] is refused (EOPNOTSUPP) before.
//! - Instances are registered queue by queue and numbered upwards, hence ascending NAPI ids are
//!   ascending queues. [`threads`] relies on it for devices whose driver does not report its queues.
//! - The setting stays with the device: detaching and attaching again makes new threads, which must be
//!   pinned again; replacing a program in place keeps them.
//!
//! Kernel threads live in the initial pid namespace and have no network namespace of their own, so
//! that two devices of one name in two namespaces have threads of the same name. The netdev netlink
//! family (Linux 6.8 and later) tells them apart; the search by name, used where it is missing, refuses
//! to guess.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use crate::cpu::{self, CpuId};
use crate::error::{Doing, malformed, read_text};
use crate::netlink::generic::{Family, Message, number};
use crate::{link, netns, tasks};

const NETDEV_CMD_QUEUE_GET: u8 = 10;
const NETDEV_CMD_NAPI_GET: u8 = 11;
const NAPI_IFINDEX: u16 = 1;
const NAPI_ID: u16 = 2;
const NAPI_PID: u16 = 4;
const QUEUE_ID: u16 = 1;
const QUEUE_IFINDEX: u16 = 2;
const QUEUE_TYPE: u16 = 3;
const QUEUE_NAPI_ID: u16 = 4;
const QUEUE_TYPE_RX: u32 = 0;

/// The NAPI instance of a receive queue and the thread that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NapiThread {
    /// Receive queue.
    pub queue: u32,
    /// The kernel's number of the NAPI instance.
    pub napi_id: u32,
    /// Thread id of the kernel thread.
    pub pid: u32,
}

/// Switches threaded NAPI of a device on or off, through the sysfs of the own namespace.
///
/// # Errors
/// A sentence that names the remedy when /sys shows another network namespace (a write would hit a
/// foreign device); `NotFound` when there is no such device; `Unsupported` when it has no NAPI instance
/// at the moment.
pub fn set_threaded(device: &str, on: bool) -> io::Result<()> {
    link::ifindex(device)?;
    netns::sysfs_is_ours()?;
    let path = threaded_file(device);
    let written = fs::write(&path, if on { "1" } else { "0" });
    written
        .map_err(|error| match error.raw_os_error() {
            Some(libc::EOPNOTSUPP) => io::Error::new(
                io::ErrorKind::Unsupported,
                "the device has no NAPI instance (on veth: attach XDP or switch GRO on, and bring it up, first)",
            ),
            Some(_) | None => error,
        })
        .doing(|| format!("write {path}"))
}

/// Whether threaded NAPI is on for a device.
///
/// # Errors
/// As [`set_threaded`].
pub fn is_threaded(device: &str) -> io::Result<bool> {
    link::ifindex(device)?;
    netns::sysfs_is_ours()?;
    Ok(read_text(threaded_file(device))? != "0")
}

/// The NAPI threads of a device, by receive queue. Empty when NAPI is not threaded or (veth) neither
/// XDP nor GRO is on.
///
/// # Errors
/// `NotFound` when there is no such device; `InvalidData` when the threads cannot be told apart.
pub fn threads(device: &str) -> io::Result<Vec<NapiThread>> {
    let index = link::ifindex(device)?;
    match Family::open("netdev") {
        Ok(family) => by_netlink(family, index),
        Err(error) if error.kind() == io::ErrorKind::NotFound => by_name(device),
        Err(error) => Err(error),
    }
    .doing(|| format!("find the NAPI threads of {device}"))
}

/// Pins a NAPI thread and makes sure that it took.
///
/// # Errors
/// When the thread is gone, the CPU cannot be had, or the kernel kept another affinity.
pub fn pin(thread: &NapiThread, cpu: CpuId) -> io::Result<()> {
    cpu::pin_thread(thread.pid, cpu)?;
    let obtained = cpu::affinity(Some(thread.pid))?;
    if obtained == [cpu] {
        return Ok(());
    }
    let obtained = cpu::format_list(&obtained);
    Err(malformed(format!(
        "NAPI thread {} stays on CPUs {obtained}, not {cpu}",
        thread.pid
    )))
}

fn threaded_file(device: &str) -> String {
    format!("/sys/class/net/{device}/threaded")
}

fn by_netlink(mut family: Family, index: u32) -> io::Result<Vec<NapiThread>> {
    let instances = family.dump(NETDEV_CMD_NAPI_GET, vec![number(NAPI_IFINDEX, index)])?;
    let queues = family.dump(NETDEV_CMD_QUEUE_GET, vec![number(QUEUE_IFINDEX, index)])?;
    Ok(assign(&instances, &queues))
}

/// Joins NAPI instances with queues: as the driver reports it where it does, else by rank.
fn assign(instances: &[Message], queues: &[Message]) -> Vec<NapiThread> {
    let reported: BTreeMap<u32, u32> = queues
        .iter()
        .filter(|queue| queue.number(QUEUE_TYPE) == Some(QUEUE_TYPE_RX))
        .filter_map(|queue| Some((queue.number(QUEUE_NAPI_ID)?, queue.number(QUEUE_ID)?)))
        .collect();
    let mut ids: Vec<(u32, Option<u32>)> = instances
        .iter()
        .filter_map(|instance| Some((instance.number(NAPI_ID)?, instance.number(NAPI_PID))))
        .collect();
    ids.sort_unstable();
    let mut threads: Vec<NapiThread> = ids
        .iter()
        .enumerate()
        .filter_map(|(rank, &(napi_id, pid))| {
            let queue = if reported.is_empty() {
                Some(rank as u32)
            } else {
                reported.get(&napi_id).copied()
            };
            Some(NapiThread {
                queue: queue?,
                napi_id,
                pid: pid?,
            })
        })
        .collect();
    threads.sort_unstable_by_key(|thread| thread.queue);
    threads
}

/// Finds the threads by their names `napi/DEV-ID`, for kernels without the netdev family.
fn by_name(device: &str) -> io::Result<Vec<NapiThread>> {
    let named = tasks::kernel_threads(|name| napi_id_of(name, device))?;
    let found = named.into_iter().map(|(pid, napi_id)| (napi_id, pid));
    by_rank(device, found.collect(), link::get(device)?.rx_queues)
}

fn napi_id_of(comm: &str, device: &str) -> Option<u32> {
    comm.strip_prefix("napi/")?
        .strip_prefix(device)?
        .strip_prefix('-')?
        .parse()
        .ok()
}

fn by_rank(device: &str, mut found: Vec<(u32, u32)>, queues: u32) -> io::Result<Vec<NapiThread>> {
    if found.len() > queues as usize {
        return Err(malformed(format!(
            "{} threads are called napi/{device}-N for {queues} queues: another namespace has a \
             device of this name, and this kernel cannot tell whose they are",
            found.len()
        )));
    }
    found.sort_unstable();
    let ranked = found.into_iter().zip(0..);
    Ok(ranked
        .map(|((napi_id, pid), queue)| NapiThread {
            queue,
            napi_id,
            pid,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(attributes: &[(u16, u32)]) -> Message {
        let attributes = attributes
            .iter()
            .map(|&(kind, value)| number(kind, value))
            .collect();
        Message {
            family: 0,
            command: 0,
            attributes,
        }
    }

    fn thread(queue: u32, napi_id: u32, pid: u32) -> NapiThread {
        NapiThread {
            queue,
            napi_id,
            pid,
        }
    }

    #[test]
    fn without_a_report_of_queues_ids_ascend_with_them() {
        let instances = [
            message(&[(NAPI_ID, 12), (NAPI_PID, 900)]),
            message(&[(NAPI_ID, 10), (NAPI_PID, 902)]),
            message(&[(NAPI_ID, 11)]),
        ];
        assert_eq!(
            assign(&instances, &[]),
            [thread(0, 10, 902), thread(2, 12, 900)]
        );
    }

    #[test]
    fn a_drivers_report_of_queues_wins() {
        let instances = [
            message(&[(NAPI_ID, 10), (NAPI_PID, 1)]),
            message(&[(NAPI_ID, 11), (NAPI_PID, 2)]),
        ];
        let queue =
            |id, kind, napi| message(&[(QUEUE_ID, id), (QUEUE_TYPE, kind), (QUEUE_NAPI_ID, napi)]);
        let queues = [
            queue(1, QUEUE_TYPE_RX, 10),
            queue(0, QUEUE_TYPE_RX, 11),
            queue(0, 1, 10),
        ];
        assert_eq!(
            assign(&instances, &queues),
            [thread(0, 11, 2), thread(1, 10, 1)]
        );
    }

    #[test]
    fn names_of_threads_are_read_exactly() {
        assert_eq!(napi_id_of("napi/eth0-8193", "eth0"), Some(8193));
        assert_eq!(napi_id_of("napi/eth00-8193", "eth0"), None);
        assert_eq!(napi_id_of("napi/eth0-1-2", "eth0"), None);
        assert_eq!(napi_id_of("napi/eth0-1-2", "eth0-1"), Some(2));
    }

    #[test]
    fn more_threads_than_queues_are_not_guessed_at() {
        let found = vec![(9, 1), (8, 2)];
        assert_eq!(
            by_rank("d", found.clone(), 2).unwrap(),
            [thread(0, 8, 2), thread(1, 9, 1)]
        );
        assert!(by_rank("d", found, 1).is_err());
    }
}
