//! UDP sockets of another process, as memcached's: from its tables in /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::error::{Doing, malformed};

/// A UDP socket of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpSocket {
    /// Its address in the process' network namespace.
    pub local: SocketAddr,
    /// The kernel's number of the socket.
    pub inode: u64,
    /// Bytes of memory that wait in the receive queue.
    pub receive_queue_bytes: u64,
    /// Datagrams dropped since the socket was opened.
    pub drops: u64,
}

/// The UDP sockets that a process holds, over IPv4 and IPv6.
///
/// # Errors
/// `NotFound` when the process is gone; `PermissionDenied` when it is somebody else's.
pub fn udp_sockets(pid: u32) -> io::Result<Vec<UdpSocket>> {
    let held = socket_inodes(pid)?;
    let mut sockets = Vec::new();
    for table in ["udp", "udp6"] {
        let path = format!("/proc/{pid}/net/{table}");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // A kernel without IPv6 has no udp6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).doing(|| format!("read {path}")),
        };
        for line in text.lines().skip(1) {
            let socket = parse(line).ok_or_else(|| malformed(format!("{path}: '{line}'")))?;
            if held.contains(&socket.inode) {
                sockets.push(socket);
            }
        }
    }
    Ok(sockets)
}

/// Duplicates of a process' descriptors of its UDP sockets, one for each socket: what is done through
/// them is done to its sockets.
///
/// # Errors
/// `NotFound` when the process is gone; `PermissionDenied` without the right to trace it.
pub fn duplicates_of_udp(pid: u32) -> io::Result<Vec<OwnedFd>> {
    let udp: BTreeSet<u64> = udp_sockets(pid)?
        .iter()
        .map(|socket| socket.inode)
        .collect();
    let process = pidfd_open(crate::process::pid(pid)?, PidfdFlags::empty())?;
    let mut duplicates = BTreeMap::new();
    for (number, inode) in socket_descriptors(pid)? {
        if udp.contains(&inode) && !duplicates.contains_key(&inode) {
            let duplicate = pidfd_getfd(&process, number, PidfdGetfdFlags::empty())
                .map_err(io::Error::from)
                .doing(|| format!("duplicate descriptor {number} of process {pid}"))?;
            duplicates.insert(inode, duplicate);
        }
    }
    Ok(duplicates.into_values().collect())
}

fn socket_inodes(pid: u32) -> io::Result<BTreeSet<u64>> {
    let descriptors = socket_descriptors(pid)?;
    Ok(descriptors.into_iter().map(|(_, inode)| inode).collect())
}

/// The numbers of a process' descriptors that are sockets, with the sockets' own.
fn socket_descriptors(pid: u32) -> io::Result<Vec<(i32, u64)>> {
    let folder = format!("/proc/{pid}/fd");
    let mut sockets = Vec::new();
    for entry in fs::read_dir(&folder).doing(|| format!("read {folder}"))? {
        let entry = entry?;
        // A descriptor may be closed between the listing and the reading.
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let number = entry.file_name().to_string_lossy().parse().ok();
        let target = target.to_string_lossy();
        let inode = target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        sockets.extend(number.zip(inode.and_then(|inode| inode.parse().ok())));
    }
    Ok(sockets)
}

/// One line of /proc/net/udp: number, local, remote, state, queues, timer, retransmissions, uid,
/// timeout, inode, references, pointer, drops.
fn parse(line: &str) -> Option<UdpSocket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, receive_queue) = fields.get(4)?.split_once(':')?;
    Some(UdpSocket {
        local: address(fields.get(1)?)?,
        inode: fields.get(9)?.parse().ok()?,
        receive_queue_bytes: u64::from_str_radix(receive_queue, 16).ok()?,
        drops: fields.get(12)?.parse().ok()?,
    })
}

/// `0100007F:2BCB`: the address as words in the host's byte order, the port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for at in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let address = match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_is_read_by_position() {
        let line = "  12: 0100007F:2BCB 00000000:0000 07 00000000:00000A00 00:00000000 00000000 \
                    0        0 4711 2 0000000000000000 99";
        let expected = UdpSocket {
            local: "127.0.0.1:11211".parse().unwrap(),
            inode: 4711,
            receive_queue_bytes: 0xa00,
            drops: 99,
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(
            address("00000000000000000000000001000000:0035"),
            Some("[::1]:53".parse().unwrap())
        );
        assert_eq!(parse("too short"), None);
        assert_eq!(address("01:35"), None);
    }

    #[test]
    fn a_process_that_is_gone_is_not_found() {
        assert_eq!(
            udp_sockets(u32::MAX >> 1).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
