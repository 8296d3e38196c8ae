//! The ioctl itself: a request of known size, as 32-bit words.
#![expect(unsafe_code, reason = "ioctl(SIOCETHTOOL)")]

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::error::Doing;

/// Numbers of the commands used, from include/uapi/linux/ethtool.h.
pub(super) mod command {
    pub(crate) const GDRVINFO: u32 = 0x03;
    pub(crate) const GCOALESCE: u32 = 0x0e;
    pub(crate) const GRINGPARAM: u32 = 0x10;
    pub(crate) const GSTRINGS: u32 = 0x1b;
    pub(crate) const GSTATS: u32 = 0x1d;
    pub(crate) const GSSET_INFO: u32 = 0x37;
    pub(crate) const GFEATURES: u32 = 0x3a;
    pub(crate) const SFEATURES: u32 = 0x3b;
    pub(crate) const GCHANNELS: u32 = 0x3c;
    pub(crate) const SCHANNELS: u32 = 0x3d;
    pub(crate) const GRSSH: u32 = 0x46;
    pub(crate) const SRSSH: u32 = 0x47;
}

/// Room behind every request, in words. The kernel itself decides how many strings or counters it
/// writes, and a device may gain some between our asking for the number and for the values; veth has
/// at most a dozen per queue.
const SLACK_WORDS: usize = 1 << 16;

/// A request: the command, its fields, and room for the answer.
pub(super) struct Words {
    words: Vec<u32>,
    len: usize,
}

impl Words {
    /// A request of `len` words, all 0 but the first.
    pub(super) fn new(command: u32, len: usize) -> Self {
        let mut words = vec![0; len + SLACK_WORDS];
        words[0] = command;
        Self { words, len }
    }

    pub(super) fn set(&mut self, at: usize, value: u32) {
        self.words[at] = value;
    }

    pub(super) fn get(&self, at: usize) -> u32 {
        self.words[at]
    }

    /// The first `N` words after the command.
    pub(super) fn after<const N: usize>(&self) -> [u32; N] {
        std::array::from_fn(|at| self.words[at + 1])
    }

    fn bytes(&self) -> Vec<u8> {
        self.words[..self.len]
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .collect()
    }
}

/// Hands a request to a device's driver and returns the answer's bytes (also left in `words`).
/// `doing` begins the sentence of an error: "ask the channels of".
pub(super) fn exchange(device: &str, doing: &str, words: &mut Words) -> io::Result<Vec<u8>> {
    call(device, words).doing(|| format!("{doing} {device}"))?;
    Ok(words.bytes())
}

fn call(device: &str, words: &mut Words) -> io::Result<()> {
    let socket: OwnedFd = socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // SAFETY: ifreq is a plain C struct for which all-zero bytes are a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays 0: the name is a C string.
    if device.is_empty() || device.len() >= request.ifr_name.len() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no device can have this name",
        ));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = words.words.as_mut_ptr().cast();
    // SAFETY: the name is NUL-terminated and the pointer refers to `words`, which lives across the
    // call and is not otherwise borrowed. The kernel writes the struct that the command names (each
    // caller asks for at least its length) and, for strings and counters, as many as it counted,
    // for which SLACK_WORDS leaves room beyond the number that it gave just before.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &mut request) };
    if result >= 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ENODEV) => Err(io::Error::new(io::ErrorKind::NotFound, "no such device")),
        Some(_) | None => Err(error),
    }
}
