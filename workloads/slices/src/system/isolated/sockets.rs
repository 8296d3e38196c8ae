//! The sockets of a slice on their way from its process to the keeper.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::DEVICES;

/// Sends a slice's number with its sockets, in the order of the ports.
pub(super) fn send(
    to: &UnixStream,
    number: u16,
    sockets: &[BorrowedFd<'_>; DEVICES],
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DEVICES))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(sockets)) {
        return Err(io::Error::other("no room for the descriptors"));
    }
    let number = number.to_ne_bytes();
    let sent = sendmsg(
        to,
        &[IoSlice::new(&number)],
        &mut control,
        SendFlags::empty(),
    )?;
    if sent == number.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

/// Receives a slice's number and its sockets.
pub(super) fn receive(from: &UnixStream) -> io::Result<(u16, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DEVICES))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut number = [0; 2];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let message = recvmsg(
        from,
        &mut [IoSliceMut::new(&mut number)],
        &mut control,
        flags,
    )?;
    let mut sockets = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = part {
            sockets.extend(descriptors);
        }
    }
    if message.bytes == 0 {
        let what = "its process has ended before it sent them";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
    }
    if message.bytes != number.len() || sockets.len() != DEVICES {
        let (bytes, sockets) = (message.bytes, sockets.len());
        let what = format!("{bytes} bytes and {sockets} sockets are no slice's");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok((u16::from_ne_bytes(number), sockets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;

    #[test]
    fn descriptors_travel_with_their_slices_number_and_nothing_else_is_taken() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let files = [(), ()].map(|()| std::fs::File::open("/dev/null").unwrap());
        send(&one, 7, &[files[0].as_fd(), files[1].as_fd()]).unwrap();
        let (number, sockets) = receive(&other).unwrap();
        assert_eq!((number, sockets.len()), (7, 2));
        (&one).write_all(&[1, 2]).unwrap();
        let refused = receive(&other).unwrap_err().to_string();
        assert_eq!(refused, "2 bytes and 0 sockets are no slice's");
        drop(one);
        assert!(receive(&other).is_err(), "the process is gone");
        assert_eq!(other.read(&mut [0]).unwrap(), 0);
    }
}
