//! One AF_XDP socket: creation, rings, binding, statistics, the transmit kick.

#![expect(
    unsafe_code,
    reason = "socket options and ring mappings of AF_XDP are raw system calls"
)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use libc::{xdp_mmap_offsets, xdp_statistics, xdp_umem_reg};

use rustix::net::sockopt::set_socket_send_buffer_size;

use super::kernel_ring::{CompletionRing, FillRing, KernelRing, RxRing, RxWatch, TxRing};
use super::ring::{Consumer, Producer};
use super::umem::Umem;

/// How the first socket of the device is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindMode {
    /// Zero-copy where the driver has it, else copy.
    Best,
    /// Copy mode.
    Copy,
}

/// What the kernel granted, read back through XDP_OPTIONS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obtained {
    /// The device writes into the UMEM itself.
    ZeroCopy,
    /// The kernel copies each packet.
    Copy,
}

impl Obtained {
    /// The name used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroCopy => "zero_copy",
            Self::Copy => "copy",
        }
    }
}

/// How long a bind waits for a queue that a closed socket still holds: the kernel frees it
/// from a work queue, some 30 ms after the last descriptor and mapping are gone.
const BUSY_PATIENCE: Duration = Duration::from_millis(300);
/// What the sockets of one queue may have on its way, as the kernel counts: it charges a small
/// frame with some 960 bytes, so that this is about 200 of them.
const IN_FLIGHT_BYTES: usize = 192 << 10;

const BUSY_STEP: Duration = Duration::from_millis(10);

/// A kernel that does not know the flag of packets in several chunks takes it for a mistake.
fn without_several(error: io::Error) -> io::Error {
    if error.raw_os_error() != Some(libc::EINVAL) {
        return error;
    }
    let what = format!(
        "the kernel refuses packets of several chunks (XDP_USE_SG: {error}); Linux 6.6 or later takes them; \
         leave `multi_buffer` out, or use chunks of 4 KiB"
    );
    io::Error::new(error.kind(), what)
}

/// An AF_XDP socket. Its rings hold it open, so it closes after the last ring is unmapped.
#[derive(Debug, Clone)]
pub struct Xsk {
    fd: Arc<OwnedFd>,
}

impl AsFd for Xsk {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Xsk {
    /// A fresh socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// Without CAP_NET_RAW, or where the kernel lacks AF_XDP.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd: Arc::new(fd) })
    }

    /// A socket that somebody else has opened.
    pub(super) fn of(fd: OwnedFd) -> Self {
        Self { fd: Arc::new(fd) }
    }

    /// Bounds what this socket, one of `siblings` on its queue, may have on its way in copy mode:
    /// together less than veth's queue of 256 frames holds. Beyond it the kernel says EAGAIN and
    /// the frame stays in the TX ring, where a full queue would lose it. Zero-copy ignores it.
    ///
    /// # Errors
    /// When the option is refused.
    pub fn limit_in_flight(&self, siblings: u16) -> io::Result<()> {
        // The kernel doubles the value that it is given.
        let bytes = IN_FLIGHT_BYTES / usize::from(siblings.max(1)) / 2;
        Ok(set_socket_send_buffer_size(&self.fd, bytes)?)
    }

    /// The descriptor's number, for polling.
    #[must_use]
    pub fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Registers `umem` through this socket, which must be the first to use it.
    ///
    /// # Errors
    /// When the kernel refuses, for example for the limit on locked memory.
    pub fn register(&self, umem: &Umem) -> io::Result<()> {
        // SAFETY: xdp_umem_reg is a plain structure of integers, for which zero is a value.
        let mut registration: xdp_umem_reg = unsafe { mem::zeroed() };
        registration.addr = umem.base() as u64;
        registration.len = umem.len() as u64;
        registration.chunk_size = umem.chunk() as u32;
        self.set(libc::XDP_UMEM_REG, &registration)
    }

    /// Creates and maps the FILL and COMPLETION rings of `size` slots each.
    ///
    /// # Errors
    /// When the kernel refuses the size or the mapping.
    pub fn umem_rings(&self, size: u32) -> io::Result<(FillRing, CompletionRing)> {
        self.set(libc::XDP_UMEM_FILL_RING, &size)?;
        self.set(libc::XDP_UMEM_COMPLETION_RING, &size)?;
        let offsets = self.offsets()?;
        let fill = libc::XDP_UMEM_PGOFF_FILL_RING as libc::off_t;
        let completion = libc::XDP_UMEM_PGOFF_COMPLETION_RING as libc::off_t;
        Ok((
            Producer::new(KernelRing::map(&self.fd, &offsets.fr, size, fill)?),
            Consumer::new(KernelRing::map(&self.fd, &offsets.cr, size, completion)?),
        ))
    }

    /// Creates and maps the RX and TX rings.
    ///
    /// # Errors
    /// When the kernel refuses a size or a mapping.
    pub fn packet_rings(&self, rx: u32, tx: u32) -> io::Result<(RxRing, TxRing)> {
        self.set(libc::XDP_RX_RING, &rx)?;
        self.set(libc::XDP_TX_RING, &tx)?;
        let offsets = self.offsets()?;
        Ok((
            Consumer::new(KernelRing::map(
                &self.fd,
                &offsets.rx,
                rx,
                libc::XDP_PGOFF_RX_RING,
            )?),
            Producer::new(KernelRing::map(
                &self.fd,
                &offsets.tx,
                tx,
                libc::XDP_PGOFF_TX_RING,
            )?),
        ))
    }

    /// A look at the RX ring of `size` slots from another thread than the one that empties it.
    ///
    /// # Errors
    /// When the kernel refuses the mapping.
    pub fn watch(&self, size: u32) -> io::Result<RxWatch> {
        let offsets = self.offsets()?;
        KernelRing::map(&self.fd, &offsets.rx, size, libc::XDP_PGOFF_RX_RING).map(RxWatch::new)
    }

    /// The RX ring of `rx` slots and the TX ring of `tx`, mapped a second time: to be looked at, by who neither fills nor
    /// empties them.
    pub(super) fn views(&self, rx: u32, tx: u32) -> io::Result<[KernelRing<libc::xdp_desc>; 2]> {
        let offsets = self.offsets()?;
        Ok([
            KernelRing::map(&self.fd, &offsets.rx, rx, libc::XDP_PGOFF_RX_RING)?,
            KernelRing::map(&self.fd, &offsets.tx, tx, libc::XDP_PGOFF_TX_RING)?,
        ])
    }

    /// Binds the first socket of the UMEM to (`ifindex`, `queue`); zero-copy is tried first
    /// under [`BindMode::Best`]. With `multi_buffer` a packet may take several chunks, on this socket and all that
    /// share its UMEM. Returns what was obtained.
    ///
    /// # Errors
    /// When the queue does not exist or stays busy, or the kernel has no packets of several chunks.
    pub fn bind_first(
        &self,
        ifindex: u32,
        queue: u32,
        mode: BindMode,
        multi_buffer: bool,
    ) -> io::Result<Obtained> {
        let several = if multi_buffer { libc::XDP_USE_SG } else { 0 };
        let flags = libc::XDP_USE_NEED_WAKEUP | several;
        if mode == BindMode::Best {
            let flags = libc::XDP_ZEROCOPY | flags;
            if self.bind(ifindex, queue, flags, 0).is_ok() {
                return self.obtained();
            }
        }
        let bound = self.bind(ifindex, queue, libc::XDP_COPY | flags, 0);
        if multi_buffer {
            bound.map_err(without_several)?;
        } else {
            bound?;
        }
        self.obtained()
    }

    /// Binds a further socket to the UMEM of `first`. XDP_SHARED_UMEM must stand alone; mode
    /// and wakeup flags are inherited.
    ///
    /// # Errors
    /// When the queue does not exist or stays busy.
    pub fn bind_shared(&self, ifindex: u32, queue: u32, first: &Self) -> io::Result<()> {
        self.bind(ifindex, queue, libc::XDP_SHARED_UMEM, first.raw() as u32)
    }

    fn bind(&self, ifindex: u32, queue: u32, flags: u16, shared: u32) -> io::Result<()> {
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: flags,
            sxdp_ifindex: ifindex,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: shared,
        };
        let patience = Instant::now() + BUSY_PATIENCE;
        loop {
            // SAFETY: the address is a live sockaddr_xdp of the length passed.
            let done = unsafe {
                libc::bind(
                    self.raw(),
                    (&raw const address).cast(),
                    size_of::<libc::sockaddr_xdp>() as libc::socklen_t,
                )
            };
            if done == 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EBUSY) || Instant::now() >= patience {
                return Err(error);
            }
            thread::sleep(BUSY_STEP);
        }
    }

    /// The mode that the kernel granted.
    pub(super) fn obtained(&self) -> io::Result<Obtained> {
        let flags: u32 = self.get(libc::XDP_OPTIONS)?;
        Ok(if flags & libc::XDP_OPTIONS_ZEROCOPY != 0 {
            Obtained::ZeroCopy
        } else {
            Obtained::Copy
        })
    }

    /// The kernel's statistics of this socket.
    ///
    /// # Errors
    /// When the option cannot be read.
    pub fn statistics(&self) -> io::Result<xdp_statistics> {
        self.get(libc::XDP_STATISTICS)
    }

    /// Asks the kernel to transmit what lies in the TX ring. True when it took everything that
    /// it looked at; false when it stopped early and must be asked again: EAGAIN (its batch or
    /// the send buffer is used up), ENOBUFS (no memory), EBUSY (the device's queue was full
    /// and, on veth, one frame was lost and counted in the device's tx_dropped).
    ///
    /// # Errors
    /// Any other failure, such as ENETDOWN.
    pub fn kick(&self) -> io::Result<bool> {
        // SAFETY: an empty message to no address.
        let sent = unsafe {
            libc::sendto(
                self.raw(),
                ptr::null(),
                0,
                libc::MSG_DONTWAIT,
                ptr::null(),
                0,
            )
        };
        if sent >= 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::ENOBUFS | libc::EBUSY | libc::EINTR) => Ok(false),
            _ => Err(error),
        }
    }

    /// Tells the driver that the FILL ring has frames again; only zero-copy drivers ask for it.
    pub fn kick_receive(&self) {
        // SAFETY: an empty buffer and no address are allowed.
        unsafe {
            libc::recvfrom(
                self.raw(),
                ptr::null_mut(),
                0,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
    }

    fn offsets(&self) -> io::Result<xdp_mmap_offsets> {
        self.get(libc::XDP_MMAP_OFFSETS)
    }

    fn set<T>(&self, option: libc::c_int, value: &T) -> io::Result<()> {
        // SAFETY: the value is live and its size is passed.
        let done = unsafe {
            libc::setsockopt(
                self.raw(),
                libc::SOL_XDP,
                option,
                ptr::from_ref(value).cast(),
                size_of::<T>() as libc::socklen_t,
            )
        };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Reads an option whose value is a structure of integers.
    fn get<T: Copy>(&self, option: libc::c_int) -> io::Result<T> {
        // SAFETY: every T used here consists of integers, for which zero is a value.
        let mut value: T = unsafe { mem::zeroed() };
        let mut length = size_of::<T>() as libc::socklen_t;
        // SAFETY: the destination is live and writable, and its size is passed.
        let done = unsafe {
            libc::getsockopt(
                self.raw(),
                libc::SOL_XDP,
                option,
                (&raw mut value).cast(),
                &raw mut length,
            )
        };
        if done != 0 {
            return Err(io::Error::last_os_error());
        }
        if length as usize != size_of::<T>() {
            return Err(io::Error::other(
                "the kernel is older than the AF_XDP layouts used here",
            ));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_does_not_know_the_flag_is_told_from_other_troubles() {
        let told = without_several(io::Error::from_raw_os_error(libc::EINVAL)).to_string();
        assert!(told.contains("XDP_USE_SG: Invalid argument"), "{told}");
        assert!(told.contains("leave `multi_buffer` out"), "{told}");
        let busy = without_several(io::Error::from_raw_os_error(libc::EBUSY));
        assert_eq!(busy.raw_os_error(), Some(libc::EBUSY));
    }
}
