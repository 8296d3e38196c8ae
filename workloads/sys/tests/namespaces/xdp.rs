//! The smallest XDP program, loaded by hand, to see attachments from outside the loader.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkXdp};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use steerbench_sys::link::{self, Peer, XdpMode};
use steerbench_sys::netns;

use super::links::spec;

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_TYPE_XDP: u32 = 6;
const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
pub(crate) const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

/// The fields of `union bpf_attr` that loading needs.
#[repr(C)]
struct Load {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log: [u64; 2],
    rest: [u32; 2],
}

/// A program that passes every frame: `r0 = XDP_PASS; exit`.
fn pass() -> OwnedFd {
    let instructions: [u64; 2] = [0x0000_0002_0000_00b7, 0x0000_0000_0000_0095];
    let attributes = Load {
        program_type: BPF_PROG_TYPE_XDP,
        instruction_count: 2,
        instructions: instructions.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        log: [0; 2],
        rest: [0; 2],
    };
    let size = std::mem::size_of::<Load>();
    // SAFETY: the attributes are laid out as bpf(2) has them and outlive the call, as do the
    // instructions and the licence that they point to.
    let result = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &attributes, size) };
    assert!(result >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the call returned a new descriptor that nobody else owns.
    unsafe { OwnedFd::from_raw_fd(result as i32) }
}

/// Attaches the program (`None`: detaches) and waits for the acknowledgement.
fn attach(device: &str, program: Option<&OwnedFd>, flags: u32) {
    let mut message = LinkMessage::default();
    message.header.index = link::ifindex(device).unwrap();
    let descriptor = program.map_or(-1, |program| program.as_raw_fd());
    let xdp = vec![LinkXdp::Fd(descriptor), LinkXdp::Flags(flags)];
    message.attributes = vec![LinkAttribute::Xdp(xdp)];
    let mut request = NetlinkMessage::from(RouteNetlinkMessage::SetLink(message));
    request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);
    let mut socket = Socket::new(NETLINK_ROUTE).unwrap();
    socket.bind_auto().unwrap();
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0).unwrap();
    let (answer, _) = socket.recv_from_full().unwrap();
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).unwrap();
    let NetlinkPayload::Error(answer) = answer.payload else {
        panic!("{answer:?}")
    };
    assert_eq!(answer.code, None, "{answer:?}");
}

/// Attaches the passing program natively; it stays until the device goes or it is detached.
pub(crate) fn attach_pass(device: &str) {
    attach(device, Some(&pass()), XDP_FLAGS_DRV_MODE);
}

pub(crate) fn detach(device: &str) {
    attach(device, None, XDP_FLAGS_DRV_MODE);
}

pub(crate) fn listed() {
    netns::unshare_here().unwrap();
    link::create_veth(&spec(2, Peer::Here)).unwrap();
    attach_pass("server");
    let attached = link::get("server").unwrap().xdp.unwrap();
    assert_eq!(
        (attached.mode, attached.program_ids.len()),
        (XdpMode::Native, 1)
    );
    assert!(attached.program_ids[0] > 0);
    assert_eq!(link::get("client").unwrap().xdp, None);
    detach("server");
    assert_eq!(link::get("server").unwrap().xdp, None);
    attach("client", Some(&pass()), XDP_FLAGS_SKB_MODE);
    assert_eq!(
        link::get("client").unwrap().xdp.unwrap().mode,
        XdpMode::Generic
    );
}
