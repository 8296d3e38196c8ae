//! How a get of several keys is served where each key has one owner.
//!
//! ENCP'19 treats requests of one key and names what several would take (section 4, "Other use
//! cases"): such a request may have to access data on several CPU cores, and packet duplication in
//! XDP would "allow multi-key requests to be sent to all the cores required to serve the request".
//!
//! XDP cannot duplicate towards owners. A program returns one verdict for its one frame, and what
//! sends a frame to several places (`BPF_F_BROADCAST`) does so for maps of devices alone, not for
//! maps of AF_XDP sockets or CPUs. So the copies are made where they can be, by the client: each
//! begins with a key of another owner, so that the steering program, unchanged, brings one to
//! each. The server is what it would be behind an XDP that duplicates; the copies cost the link
//! and the NAPI threads a whole reception each, of which duplication at the NIC would save a part.

use serde::{Deserialize, Serialize};

use super::{Addressing, Design, Layout, Refusal, SystemKind, with_design};

/// See the [module](self).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum MultiKey {
    /// Where it arrives, it is taken apart by key: a message to the owner of each key that is
    /// another's, an answer back for each, one reply.
    #[default]
    Handoff,
    /// Where it arrives, it is taken apart by owner: one message to each other owner for all of its
    /// keys, one answer back, one reply.
    Split,
    /// It has come to the owners of all its keys, and each answers its own keys to the client. A
    /// get whose copies do not reach all owners is answered in part.
    Duplicate,
    /// Scans come to all owners in turn, and where one arrives, it is taken apart by owner. Calls only:
    /// "the packet processor can load balance the requests between multiple cores to eliminate request
    /// processing imbalance" (ENCP'19, section 4).
    Balanced,
}

impl MultiKey {
    /// Whether `system` can serve so.
    ///
    /// # Errors
    /// The reason why not.
    pub fn check(self, system: SystemKind) -> Result<(), Refusal> {
        let exclusive = match system.layout() {
            Layout::Partitioned => true,
            Layout::ReadAnywhere | Layout::Shared | Layout::Clustered => false,
        };
        let steered = match with_design!(system, D => D::ADDRESSING) {
            // A dispatcher gathers such gets itself, whoever steers the others.
            Addressing::Key => !with_design!(system, D => D::DISPATCHED),
            Addressing::Flow => false,
        };
        let balanced = with_design!(system, D => D::BALANCES_SCANS);
        match self {
            Self::Handoff => Ok(()),
            Self::Balanced if !balanced => Err(Refusal::NobodyBalances(system)),
            Self::Split | Self::Duplicate if !exclusive => Err(Refusal::KeysHaveSeveral(system)),
            Self::Duplicate if !steered => Err(Refusal::CopiesReachNobody(system)),
            Self::Split | Self::Duplicate | Self::Balanced => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_for_whoever_is_steered_by_key() {
        let with = |way: MultiKey| {
            let able = SystemKind::ALL
                .into_iter()
                .filter(move |system| way.check(*system).is_ok());
            able.collect::<Vec<_>>()
        };
        use SystemKind::*;
        assert_eq!(with(MultiKey::Handoff), SystemKind::ALL);
        assert_eq!(with(MultiKey::Balanced), [XdpSteered]);
        assert_eq!(
            with(MultiKey::Split),
            [
                Sphinx,
                Seastar,
                MicaErew,
                Herd,
                Shenango,
                XdpSteered,
                ReuseportEbpf,
                XdpPosix,
                XdpCpumap
            ]
        );
        assert_eq!(
            with(MultiKey::Duplicate),
            [
                MicaErew,
                Herd,
                XdpSteered,
                ReuseportEbpf,
                XdpPosix,
                XdpCpumap
            ]
        );
    }
}
