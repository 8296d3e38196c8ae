//! One PF_PACKET socket: its options, binding, receiving and sending by system calls, what it lost.
//!
//! A socket is born shut: a filter drops everything until all sockets of a group are bound and have their
//! rings and their places in the group, so that none of them sees a frame that was another's.

#![expect(
    unsafe_code,
    reason = "packet sockets' options, addresses and messages are raw structures"
)]

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use libc::{sock_filter, sockaddr_ll, tpacket_auxdata, tpacket_stats_v3};
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, netdevice, send, socket_with, sockopt,
};

use super::arrival::Beside;
use crate::bpf;
use crate::drops::{Drop, Drops};
use crate::udp::ReceiveBuffer;
use crate::wait;

/// How often a full send buffer is waited for, 1 ms each, before a frame is discarded and counted.
const FULL_WAITS: u32 = 20;

/// A frame as one system call delivered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delivered {
    /// Bytes written.
    pub(super) len: usize,
    /// Bytes that the frame had.
    pub(super) whole: usize,
    pub(super) beside: Beside,
}

/// What became of a frame that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// The device has it.
    Taken,
    /// The device's queue was full. A veth counts it in `tx_dropped`.
    Dropped,
    /// It is shorter or longer than the device takes, or the send buffer stayed full. No device counts it.
    Refused,
}

/// Room for one control message with what stands beside a frame, aligned as its header needs.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// One socket.
#[derive(Debug)]
pub(super) struct PacketSocket {
    fd: OwnedFd,
    /// The kernel's counts are set back when they are read, so they add up here.
    lost: Mutex<Drops>,
}

impl PacketSocket {
    /// A socket that is bound to nothing and shut. What the host itself sends never reaches it. With
    /// `qdisc_bypass` what it sends goes to the device's driver at once.
    pub(super) fn new(qdisc_bypass: bool) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Protocol 0: nothing is received before it is bound.
        let fd = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)
            .map_err(|error| doing("open a packet socket (needs CAP_NET_RAW)", error.into()))?;
        let socket = Self {
            fd,
            lost: Mutex::new(Drops::default()),
        };
        socket.filter(&[bpf::step(bpf::RETURN, 0)])?;
        let on: libc::c_int = 1;
        socket.set(libc::PACKET_AUXDATA, &on)?;
        socket
            .set(libc::PACKET_IGNORE_OUTGOING, &on)
            .map_err(|error| doing("hide what the host sends (needs Linux 4.20)", error))?;
        if qdisc_bypass {
            socket.set(libc::PACKET_QDISC_BYPASS, &on)?;
        }
        Ok(socket)
    }

    /// Sets an option of packet(7).
    pub(super) fn set<T>(&self, option: libc::c_int, value: &T) -> io::Result<()> {
        // SAFETY: the value is live and its size is passed; the kernel reads no more than that.
        let done = unsafe {
            libc::setsockopt(
                self.raw(),
                libc::SOL_PACKET,
                option,
                ptr::from_ref(value).cast(),
                size_of::<T>() as libc::socklen_t,
            )
        };
        succeeded(done)
    }

    /// Reads a numeric option of packet(7).
    pub(super) fn get(&self, option: libc::c_int) -> io::Result<u32> {
        let mut value = 0_u32;
        self.read_option(option, &mut value)?;
        Ok(value)
    }

    fn read_option<T>(&self, option: libc::c_int, value: &mut T) -> io::Result<()> {
        let mut len = size_of::<T>() as libc::socklen_t;
        // SAFETY: the value is live and writable for the length passed; the callers' types are plain
        // integers, for which any bytes are a value.
        let done = unsafe {
            libc::getsockopt(
                self.raw(),
                libc::SOL_PACKET,
                option,
                ptr::from_mut(value).cast(),
                &raw mut len,
            )
        };
        succeeded(done)
    }

    /// Asks for memory for what waits to be received, in bytes.
    pub(super) fn receive_buffer(&self, bytes: usize) -> io::Result<ReceiveBuffer> {
        ReceiveBuffer::obtain(self.fd.as_fd(), bytes)
    }

    /// Asks for memory for what is on its way out, in bytes as the kernel counts.
    pub(super) fn send_buffer(&self, bytes: usize) -> io::Result<()> {
        if sockopt::set_socket_send_buffer_size_force(&self.fd, bytes).is_err() {
            sockopt::set_socket_send_buffer_size(&self.fd, bytes)?;
        }
        Ok(())
    }

    /// Binds to a device, to receive every protocol of it, or to send only.
    pub(super) fn bind(&self, ifindex: u32, receives: bool) -> io::Result<()> {
        let protocol = if receives { libc::ETH_P_ALL as u16 } else { 0 };
        // SAFETY: a plain structure of integers, for which zero is a value.
        let mut address: sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol.to_be();
        address.sll_ifindex = ifindex as libc::c_int;
        // SAFETY: the address is live and its size is passed.
        let done = unsafe {
            libc::bind(
                self.raw(),
                (&raw const address).cast(),
                size_of::<sockaddr_ll>() as libc::socklen_t,
            )
        };
        succeeded(done).map_err(|error| doing(&format!("bind to device {ifindex}"), error))
    }

    /// Lets in what the program returns a length for, in place of what was let in before.
    pub(super) fn filter(&self, program: &[sock_filter]) -> io::Result<()> {
        bpf::attach(self.as_fd(), libc::SO_ATTACH_FILTER, program)
    }

    /// Lets in everything, at no cost.
    pub(super) fn unfilter(&self) -> io::Result<()> {
        let unused: libc::c_int = 0;
        // SAFETY: the option takes no value; the one passed is live.
        let done = unsafe {
            libc::setsockopt(
                self.raw(),
                libc::SOL_SOCKET,
                libc::SO_DETACH_FILTER,
                (&raw const unused).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        succeeded(done)
    }

    /// Steps of the filter that is attached; 0 without one.
    pub(super) fn filter_steps(&self) -> io::Result<u32> {
        let mut steps: libc::socklen_t = 0;
        // SAFETY: with a length of 0 the kernel writes only the number of steps, in place of the length.
        let done = unsafe {
            libc::getsockopt(
                self.raw(),
                libc::SOL_SOCKET,
                libc::SO_GET_FILTER,
                ptr::null_mut(),
                &raw mut steps,
            )
        };
        succeeded(done).map(|()| steps)
    }

    /// Receives one frame by one system call, if one waits. With `sender` the call also tells where it
    /// came from, as libpcap has it.
    pub(super) fn receive(&self, into: &mut [u8], sender: bool) -> io::Result<Option<Delivered>> {
        // SAFETY: plain structures, for which zero (null, empty) is a value.
        let (mut from, mut header): (sockaddr_ll, libc::msghdr) =
            unsafe { (mem::zeroed(), mem::zeroed()) };
        let mut control = Control([0; 64]);
        let mut part = libc::iovec {
            iov_base: into.as_mut_ptr().cast(),
            iov_len: into.len(),
        };
        header.msg_iov = &raw mut part;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control.0.len();
        if sender {
            header.msg_name = (&raw mut from).cast();
            header.msg_namelen = size_of::<sockaddr_ll>() as libc::socklen_t;
        }
        // SAFETY: the header points to live buffers of the lengths stated, all of which outlive the call.
        let len = unsafe { libc::recvmsg(self.raw(), &raw mut header, libc::MSG_DONTWAIT) };
        if len < 0 {
            let error = io::Error::last_os_error();
            return match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EINTR) => Ok(None),
                _ => Err(error),
            };
        }
        let told = beside(&header).ok_or_else(|| {
            io::Error::other("a frame came without what PACKET_AUXDATA was to tell of it")
        })?;
        Ok(Some(Delivered {
            len: len as usize,
            whole: told.tp_len as usize,
            beside: Beside {
                status: told.tp_status,
                tci: told.tp_vlan_tci,
                tpid: told.tp_vlan_tpid,
            },
        }))
    }

    /// The MTU of a device of the socket's network namespace, in bytes.
    pub(super) fn mtu(&self, ifindex: u32) -> io::Result<u32> {
        let name = netdevice::index_to_name(&self.fd, ifindex)?;
        // SAFETY: a plain structure of integers, for which zero is a value.
        let mut request: libc::ifreq = unsafe { mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name.as_bytes()) {
            *to = *from as libc::c_char;
        }
        // SAFETY: the request is live, and the kernel writes no more than it.
        let done = unsafe { libc::ioctl(self.raw(), libc::SIOCGIFMTU, &raw mut request) };
        succeeded(done)?;
        // SAFETY: the call has written this member.
        Ok(unsafe { request.ifr_ifru.ifru_mtu } as u32)
    }

    /// Sends one frame by one system call. A full send buffer is waited for.
    pub(super) fn send(&self, frame: &[u8]) -> Sent {
        let mut waits = 0;
        loop {
            match send(&self.fd, frame, SendFlags::DONTWAIT) {
                Ok(_) => return Sent::Taken,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) if waits < FULL_WAITS => {
                    waits += 1;
                    wait::writable(self.raw(), Duration::from_millis(1));
                }
                // What the kernel makes of every drop below the socket (`net_xmit_errno`).
                Err(rustix::io::Errno::NOBUFS) => return Sent::Dropped,
                Err(_) => return Sent::Refused,
            }
        }
    }

    /// Makes the kernel send what its transmit ring holds. Returns at once.
    ///
    /// # Errors
    /// Why it stopped at a frame.
    pub(super) fn kick(&self) -> rustix::io::Result<()> {
        send(&self.fd, &[], SendFlags::DONTWAIT).map(drop)
    }

    /// What the socket lost so far.
    pub(super) fn drops(&self) -> io::Result<Drops> {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let mut since = tpacket_stats_v3 {
            tp_packets: 0,
            tp_drops: 0,
            tp_freeze_q_cnt: 0,
        };
        self.read_option(libc::PACKET_STATISTICS, &mut since)?;
        lost.add(Drop::PacketSocket, u64::from(since.tp_drops));
        lost.related.ring_frozen += u64::from(since.tp_freeze_q_cnt);
        lost.related.given += u64::from(since.tp_packets);
        Ok(lost.clone())
    }

    pub(super) fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The control message of a header that recvmsg has filled in.
fn beside(header: &libc::msghdr) -> Option<tpacket_auxdata> {
    // SAFETY: the header's control buffer is live and holds what the kernel wrote, of the length that it
    // stated there.
    let message = unsafe { libc::CMSG_FIRSTHDR(header) };
    if message.is_null() {
        return None;
    }
    // SAFETY: the macro returns a message only where its header lies inside the buffer, which is aligned.
    let told = unsafe { *message };
    let wanted = (libc::SOL_PACKET, libc::PACKET_AUXDATA);
    if (told.cmsg_level, told.cmsg_type) != wanted {
        return None;
    }
    // SAFETY: a message of this kind carries this structure, and the buffer has room for all of it.
    Some(unsafe {
        libc::CMSG_DATA(message)
            .cast::<tpacket_auxdata>()
            .read_unaligned()
    })
}

fn succeeded(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The error with what was being attempted in front of it.
pub(super) fn doing(what: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
