//! Which systems serve datagrams that are not memcached's requests: sealed ones, and calls.

use super::{Design, SystemChoice, SystemKind, with_design};

/// Why a system cannot be had with such datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireRefusal {
    /// What chooses the owner's socket, or the port to send to, reads or knows the key.
    #[error(
        "{0} is steered by what stands in a request, or by its clients' knowledge of the key's hash; sealed \
         requests show a token only: use xdp_steered, or a system whose threads open them (sphinx, \
         seastar, rss_shared)"
    )]
    CannotSteerSealed(SystemKind),
    /// The seal is one of datagrams.
    #[error("sealed requests are datagrams, and a TCP client could not send any; switch tcp off")]
    SealedOverTcp,
    /// What chooses the owner's socket, or the port to send to, reads memcached's requests.
    #[error(
        "{0} is steered by memcached's requests or by its clients; calls are served by xdp_steered, \
         sphinx, seastar and rss_shared"
    )]
    CannotSteerCalls(SystemKind),
    /// A call is a datagram.
    #[error("calls are datagrams, and a TCP client could not send any; switch tcp off")]
    CallsOverTcp,
    /// What is sealed is a request of memcached's.
    #[error("what is sealed are requests of memcached's, not calls; leave one of the two out")]
    SealedCalls,
}

/// Whether the choice's system serves its datagrams.
///
/// # Errors
/// The first reason against it.
pub(super) fn serves(choice: &SystemChoice) -> Result<(), WireRefusal> {
    let able = with_design!(choice.system, D => D::OTHER_WIRES);
    match (choice.sealed, choice.rpc) {
        (false, false) => Ok(()),
        (true, true) => Err(WireRefusal::SealedCalls),
        (true, false) if choice.tcp => Err(WireRefusal::SealedOverTcp),
        (false, true) if choice.tcp => Err(WireRefusal::CallsOverTcp),
        (true, false) if !able => Err(WireRefusal::CannotSteerSealed(choice.system)),
        (false, true) if !able => Err(WireRefusal::CannotSteerCalls(choice.system)),
        (true, false) | (false, true) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{IoKind, Wakeup};
    use super::*;

    #[test]
    fn each_limit_has_its_reason() {
        let plain = SystemChoice {
            system: SystemKind::Sphinx,
            io: IoKind::Udp,
            wakeup: Wakeup::Eventfd,
            engine: SystemKind::Sphinx.engines()[0],
            owners: 2,
            clusters: 1,
            large_owners: 1,
            queues: 2,
            port: 11211,
            tcp: false,
            sealed: false,
            rpc: false,
            hot_keys: 0,
            cpu_per_owner: true,
        };
        let sealed = SystemChoice {
            sealed: true,
            ..plain
        };
        let calls = SystemChoice { rpc: true, ..plain };
        for choice in [plain, sealed, calls] {
            assert_eq!(serves(&choice), Ok(()));
        }
        let over_tcp = |choice| SystemChoice {
            tcp: true,
            ..choice
        };
        assert_eq!(serves(&over_tcp(plain)), Ok(()));
        assert_eq!(serves(&over_tcp(sealed)), Err(WireRefusal::SealedOverTcp));
        assert_eq!(serves(&over_tcp(calls)), Err(WireRefusal::CallsOverTcp));
        let both = SystemChoice {
            rpc: true,
            ..sealed
        };
        assert_eq!(serves(&both), Err(WireRefusal::SealedCalls));
        let system = SystemKind::SharedSomething;
        let clustered = |choice| SystemChoice { system, ..choice };
        assert_eq!(
            serves(&clustered(sealed)),
            Err(WireRefusal::CannotSteerSealed(system))
        );
        assert_eq!(
            serves(&clustered(calls)),
            Err(WireRefusal::CannotSteerCalls(system))
        );
    }
}
