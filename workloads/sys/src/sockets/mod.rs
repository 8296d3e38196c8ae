//! What sockets have dropped, ours and those of foreign processes, and the protocol counters.
#![expect(unsafe_code, reason = "getsockopt(SO_MEMINFO)")]

mod foreign;
mod protocol;

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use crate::error::Doing;

pub use foreign::{UdpSocket, duplicates_of_udp, udp_sockets};
pub use protocol::{ProtocolCounters, SoftnetCpu, protocol_counters, softnet};

/// Numbers that SO_MEMINFO gives (include/uapi/linux/sock_diag.h); drops are the last of nine.
const MEMINFO_FIELDS: usize = 9;
const MEMINFO_RECEIVE: usize = 0;
const MEMINFO_DROPS: usize = 8;

/// Datagrams that a socket dropped since it was opened, mostly because its receive buffer was full.
/// The kernel's number has 32 bits and wraps.
///
/// # Errors
/// When the descriptor is not a socket.
pub fn drops(socket: BorrowedFd<'_>) -> io::Result<u32> {
    Ok(meminfo(socket)?[MEMINFO_DROPS])
}

/// Bytes of memory that wait in a socket's receive queue.
///
/// # Errors
/// When the descriptor is not a socket.
pub fn waiting_bytes(socket: BorrowedFd<'_>) -> io::Result<u32> {
    Ok(meminfo(socket)?[MEMINFO_RECEIVE])
}

fn meminfo(socket: BorrowedFd<'_>) -> io::Result<[u32; MEMINFO_FIELDS]> {
    let mut fields = [0_u32; MEMINFO_FIELDS];
    let mut length = std::mem::size_of_val(&fields) as libc::socklen_t;
    // SAFETY: the pointers are to `fields` and to its length in bytes, both of which outlive the call;
    // the kernel writes at most that many bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            fields.as_mut_ptr().cast(),
            &mut length,
        )
    };
    if result == 0 {
        return Ok(fields);
    }
    Err(io::Error::last_os_error()).doing(|| "read the memory of a socket".to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;

    #[test]
    fn a_full_socket_counts_its_drops_and_shows_them_to_others() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        assert_eq!(super::drops(receiver.as_fd()).unwrap(), 0);
        let datagram = [0; 1400];
        let mut sent = 0;
        while super::drops(receiver.as_fd()).unwrap() == 0 {
            sender.send_to(&datagram, to).unwrap();
            sent += 1;
            assert!(sent < 1_000_000, "the receive buffer never filled");
        }
        for _ in 0..10 {
            sender.send_to(&datagram, to).unwrap();
        }
        let dropped = super::drops(receiver.as_fd()).unwrap();
        assert_eq!(dropped, 11);
        let shown = super::udp_sockets(std::process::id()).unwrap();
        let ours = shown
            .iter()
            .find(|socket| socket.local == to)
            .expect("our socket is listed");
        assert_eq!(ours.drops, u64::from(dropped));
        assert!(ours.receive_queue_bytes > 0);
        let waiting = super::waiting_bytes(receiver.as_fd()).unwrap();
        assert_eq!(u64::from(waiting), ours.receive_queue_bytes);
        let duplicates = super::duplicates_of_udp(std::process::id()).unwrap();
        let same = |socket: &std::os::fd::OwnedFd| {
            super::drops(socket.as_fd()).is_ok_and(|drops| drops == dropped)
        };
        assert!(duplicates.iter().any(same), "reached by another descriptor");
    }

    #[test]
    fn a_file_is_no_socket() {
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        assert!(super::drops(file.as_fd()).is_err());
    }
}
