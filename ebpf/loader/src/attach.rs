//! Attachment by `bpf_link`.

use aya::programs::links::FdLink;
use aya::programs::tc::{SchedClassifierLink, TcAttachType, TcError, qdisc_add_clsact};
use aya::programs::{ProgramError, SchedClassifier, Xdp, XdpMode};

use crate::object::program_error;
use crate::{Error, KernelVersion, Result, running_kernel};

/// A program attached to a device, for as long as this lives.
#[derive(Debug)]
#[must_use = "the program is detached when this is dropped"]
pub struct Attached {
    _link: Link,
}

#[derive(Debug)]
enum Link {
    Xdp { _link: FdLink },
    Egress { _link: SchedClassifierLink },
}

/// Where an XDP program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the driver, on the host's CPU (XDP_FLAGS_DRV_MODE).
    Driver,
    /// On the device (XDP_FLAGS_HW_MODE).
    Device,
    /// In the stack, over socket buffers (XDP_FLAGS_SKB_MODE).
    Stack,
}

/// Attaches to the driver or the device, by a link; nothing else will do.
pub(crate) fn xdp(
    name: &'static str,
    program: &mut Xdp,
    ifindex: u32,
    place: Place,
) -> Result<Attached> {
    let mode = match place {
        Place::Driver => XdpMode::Driver,
        Place::Device => XdpMode::Hardware,
        Place::Stack => XdpMode::Skb,
    };
    let id = program
        .attach_to_if_index(ifindex, mode)
        .map_err(|error| refused(name, ifindex, place, error))?;
    let link = program.take_link(id).map_err(program_error(name))?;
    // Where the kernel has no XDP links aya attaches by netlink, which would outlive a crash. Such
    // a link does not convert; it is dropped here, and with that the program is detached.
    let link = FdLink::try_from(link).map_err(|_| Error::NoNativeXdp {
        ifindex,
        reason: "the kernel has no XDP links: 5.9 or later has".to_owned(),
    })?;
    Ok(Attached {
        _link: Link::Xdp { _link: link },
    })
}

fn refused(name: &'static str, ifindex: u32, place: Place, error: ProgramError) -> Error {
    // By netlink, which is asked where a link is refused, the kernel can say more than a number.
    let reason = if let ProgramError::SyscallError(call) = &error {
        call.io_error.to_string()
    } else if let ProgramError::XdpError(reason) = &error {
        let causes = std::iter::successors(Some(reason as &dyn std::error::Error), |e| e.source());
        words(causes.map(ToString::to_string))
    } else {
        return program_error(name)(error);
    };
    match place {
        Place::Driver => Error::NoNativeXdp { ifindex, reason },
        Place::Device => Error::NoOffload { ifindex, reason },
        Place::Stack => Error::NoGenericXdp { ifindex, reason },
    }
}

/// What netlink's errors say in words, the outermost first.
fn words(errors: impl Iterator<Item = String>) -> String {
    // The sentences of the extended acknowledgement come as a list, which is empty where the driver gave none.
    let mut words: Vec<String> = errors.filter(|text| text != "netlink error: []").collect();
    words.dedup();
    words.join(": ")
}

/// tcx, which has links, came with this kernel.
const TCX: KernelVersion = KernelVersion {
    major: 6,
    minor: 6,
    patch: 0,
};

/// Attaches to clsact egress: by a tcx link where the kernel has them.
pub(crate) fn egress(
    name: &'static str,
    program: &mut SchedClassifier,
    device: &str,
) -> Result<Attached> {
    if running_kernel()? < TCX {
        add_clsact(device)?;
    }
    let id = program
        .attach(device, TcAttachType::Egress)
        .map_err(program_error(name))?;
    let link = program.take_link(id).map_err(program_error(name))?;
    Ok(Attached {
        _link: Link::Egress { _link: link },
    })
}

fn add_clsact(device: &str) -> Result<()> {
    match qdisc_add_clsact(device) {
        Ok(()) | Err(TcError::AlreadyAttached) => Ok(()),
        Err(error) => {
            let source = std::io::Error::other(error);
            if source.to_string().contains("File exists") {
                return Ok(());
            }
            Err(Error::Clsact {
                device: device.to_owned(),
                source,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_says_is_told_and_nothing_where_it_says_nothing() {
        let texts = |first: &str| {
            let number = "Invalid argument (os error 22)";
            words([first, first, number].map(str::to_owned).into_iter())
        };
        assert_eq!(texts("netlink error: []"), "Invalid argument (os error 22)");
        assert_eq!(
            texts("netlink error: [\"program not bound to this device\"]"),
            "netlink error: [\"program not bound to this device\"]: Invalid argument (os error 22)"
        );
    }
}
