//! Frames past the network stack, and a thread's place on the machine.

#![expect(
    unsafe_code,
    reason = "a packet socket's address, and the scheduler's calls"
)]

use std::os::fd::AsRawFd as _;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::space::ifindex;

/// Sends whole frames through a device.
pub(crate) fn send_frames(device: &str, frames: impl Iterator<Item = Vec<u8>>) {
    let socket = socket_with(
        AddressFamily::PACKET,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )
    .expect("a packet socket");
    // SAFETY: all-zero bytes are a valid address of this family.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_ifindex = ifindex(device) as i32;
    for frame in frames {
        // SAFETY: frame and address are alive, with the lengths that are told.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                (&raw const address).cast(),
                size_of_val(&address) as u32,
            )
        };
        assert_eq!(
            sent,
            frame.len() as isize,
            "{}",
            std::io::Error::last_os_error()
        );
    }
}

/// CPUs for so many owners, around again where there are fewer.
pub(crate) fn cpus(owners: u32) -> Vec<u32> {
    let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
    (0..owners).map(|owner| owner % cpus).collect()
}

/// Does this on CPU 0, where no ordinary thread runs meanwhile.
pub(crate) fn first_on_cpu_0(work: impl FnOnce()) {
    // SAFETY: an empty set of CPUs, and then one with CPU 0 in it.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: CPU 0 is below the size of every set.
    unsafe { libc::CPU_SET(0, &mut set) };
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: both describe the calling thread, whose number is 0 here, by values that are alive.
    let placed = unsafe {
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
            | libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters)
    };
    assert_eq!(placed, 0, "{}", std::io::Error::last_os_error());
    work();
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: as above.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameters) };
}
