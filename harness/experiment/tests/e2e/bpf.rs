//! The kernel's numbers of loaded programs and attachments, also of those that no process holds.

#![expect(
    unsafe_code,
    reason = "bpf(2) has no safe wrapper here: aya stays behind the loader crate"
)]

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// linux/bpf.h, enum bpf_cmd.
const PROG_GET_NEXT_ID: libc::c_int = 11;
const LINK_GET_FD_BY_ID: libc::c_int = 30;
const LINK_GET_NEXT_ID: libc::c_int = 31;
const LINK_DETACH: libc::c_int = 34;

/// The part of union bpf_attr that the two commands read and write.
#[repr(C)]
#[derive(Default)]
struct NextId {
    start: u32,
    next: u32,
    open_flags: u32,
}

/// Ids of all programs. Needs CAP_SYS_ADMIN.
pub(crate) fn programs() -> io::Result<BTreeSet<u32>> {
    ids(PROG_GET_NEXT_ID)
}

/// Ids of all bpf_links. Needs CAP_SYS_ADMIN.
pub(crate) fn links() -> io::Result<BTreeSet<u32>> {
    ids(LINK_GET_NEXT_ID)
}

/// Detaches whatever a bpf_link attaches, behind the back of its holder.
pub(crate) fn detach(link: u32) -> io::Result<()> {
    let descriptor = call(LINK_GET_FD_BY_ID, link)?;
    let number = u32::try_from(descriptor).map_err(io::Error::other)?;
    let detached = call(LINK_DETACH, number);
    // SAFETY: the kernel has just given this descriptor to us, and nobody else knows it.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
    detached.map(|_| ())
}

/// A command whose only argument is the first number of the attribute.
fn call(command: libc::c_int, number: u32) -> io::Result<RawFd> {
    let attribute = NextId {
        start: number,
        ..NextId::default()
    };
    // SAFETY: `attribute` is a live prefix of union bpf_attr of the size that is passed; the commands
    // only read it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(&attribute),
            size_of::<NextId>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    RawFd::try_from(result).map_err(io::Error::other)
}

fn ids(command: libc::c_int) -> io::Result<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    let mut attribute = NextId::default();
    loop {
        // SAFETY: `attribute` is a live, exclusively borrowed prefix of union bpf_attr of the size
        // that is passed; the commands write `next` in it and nothing else.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                command,
                std::ptr::from_mut(&mut attribute),
                size_of::<NextId>(),
            )
        };
        if result == 0 {
            found.insert(attribute.next);
            attribute.start = attribute.next;
            continue;
        }
        let error = io::Error::last_os_error();
        return if error.raw_os_error() == Some(libc::ENOENT) {
            Ok(found)
        } else {
            Err(error)
        };
    }
}
