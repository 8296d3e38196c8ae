//! Threads that are not where they were pinned, and modes that are not those that were asked for.

use record::Smell;
use sys::cpu::Pinned;
use sys::link::XdpMode;

use super::Seen;
use crate::plan::topology::{CLIENT, Receiver, SERVER};

/// Each pinned thread that was found elsewhere at the end of the measure phase.
pub(super) fn moved(seen: &Seen<'_>) -> Vec<Smell> {
    let napi = seen.kernel.into_iter().flatten().chain(seen.switch);
    let threads = seen.measured.pinned.iter();
    let threads = threads.chain(&seen.report.pinned);
    threads
        .chain(napi.flat_map(|host| &host.pinned))
        .filter_map(one_moved)
        .collect()
}

/// A thread that is not where it was pinned.
pub(super) fn one_moved(pinned: &Pinned) -> Option<Smell> {
    pinned.moved().then(|| Smell::Moved {
        thread: pinned.thread.clone(),
        cpu: pinned.cpu.0,
        allowed: pinned.allowed.iter().map(|cpu| cpu.0).collect(),
    })
}

/// Each end that receives by XDP, and not natively.
pub(super) fn xdp_mode(seen: &Seen<'_>) -> Vec<Smell> {
    let Some(hosts) = seen.kernel else {
        return Vec::new();
    };
    let devices = [SERVER.device, CLIENT.device];
    let found = devices.into_iter().zip(seen.plan.receivers).zip(hosts);
    found
        .filter_map(|((device, receiver), host)| not_native(device, receiver, host.xdp))
        .collect()
}

/// An end that does not receive as it should.
pub(super) fn not_native(
    device: &str,
    receiver: Receiver,
    found: Option<XdpMode>,
) -> Option<Smell> {
    let obtained = match (receiver, found) {
        (Receiver::Kernel, None) | (Receiver::Xdp, Some(XdpMode::Native)) => return None,
        (Receiver::Kernel | Receiver::Xdp, Some(XdpMode::Generic)) => "generic",
        (Receiver::Kernel, Some(XdpMode::Native)) => "native",
        (Receiver::Kernel | Receiver::Xdp, Some(XdpMode::Hardware)) => "in the device",
        (Receiver::Kernel | Receiver::Xdp, Some(XdpMode::Several)) => "in several modes",
        (Receiver::Xdp, None) => "absent",
    };
    let wanted = match receiver {
        Receiver::Xdp => "native",
        Receiver::Kernel => "absent",
    };
    Some(Smell::XdpMode {
        device: device.to_owned(),
        wanted: wanted.to_owned(),
        obtained: obtained.to_owned(),
    })
}

/// AF_XDP asks for zero-copy and takes copy where the driver has nothing else.
pub(super) fn copy_mode(obtained: &[(String, String)]) -> Option<Smell> {
    let copies = obtained.iter().any(|(_, mode)| mode == "af_xdp copy");
    copies.then(|| Smell::Fallback {
        wanted: "AF_XDP zero-copy".to_owned(),
        obtained: "copy mode".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::cpu::CpuId;

    #[test]
    fn a_thread_on_its_cpu_alone_was_not_moved() {
        let at = |allowed: &[u32]| Pinned {
            thread: "owner-0".to_owned(),
            cpu: CpuId(1),
            allowed: allowed.iter().copied().map(CpuId).collect(),
        };
        assert_eq!(one_moved(&at(&[1])), None);
        let smell = one_moved(&at(&[0, 1])).unwrap();
        assert_eq!(
            smell.to_string(),
            "owner-0 was pinned to CPU 1 and moved: it may run on [0, 1]"
        );
    }

    #[test]
    fn only_native_xdp_passes_where_xdp_receives() {
        let mode = |found| not_native("d", Receiver::Xdp, found).map(|smell| smell.to_string());
        assert_eq!(mode(Some(XdpMode::Native)), None);
        assert_eq!(
            mode(Some(XdpMode::Generic)).unwrap(),
            "XDP on d is generic, not native"
        );
        assert_eq!(mode(None).unwrap(), "XDP on d is absent, not native");
        assert_eq!(not_native("d", Receiver::Kernel, None), None);
    }

    #[test]
    fn copy_mode_is_told_and_zero_copy_is_not() {
        let mode = |mode: &str| copy_mode(&[("server io".to_owned(), mode.to_owned())]);
        assert!(mode("af_xdp copy").is_some());
        assert!(mode("af_xdp zero-copy").is_none());
        assert!(mode("udp").is_none());
    }
}
