//! Spatial partitioning: which CPUs belong to which slice (NetSlices, section 3), decided from the machine's topology.
//!
//! Slice i is queue i of every device, a CPU that runs the kernel's part for these queues (**k-peer**), and one or more for the
//! application (**u-peers**). No CPU belongs to two slices. How near k-peer and u-peer are to each other is the paper's
//! Figure 5, and a choice here: [`Placement`].
//!
//! Deciding is pure ([`place`], [`settings`]); [`apply`] makes the machine so and undoes it.

pub mod apply;
mod assign;
pub mod settings;

use std::fmt;

use serde::{Deserialize, Serialize};
use sys::cpu::{CpuId, PairClass, Topology, format_list};

use assign::assign;

/// Where a slice's u-peer is, seen from its k-peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// The nearest that leaves every slice CPUs of its own: [`SmtSibling`](Self::SmtSibling), the paper's default, or else
    /// the same last-level cache, the same node, another node; [`SameCpu`](Self::SameCpu), the worst in Figure 5, only
    /// where there are not two CPUs for each slice.
    #[default]
    Nearest,
    /// Wherever the scheduler puts it ("OS default" in Figure 5): only the k-peer is chosen.
    OsDefault,
    /// One CPU for both ("same CPU").
    SameCpu,
    /// Two hardware threads of one core ("hyperthread").
    SmtSibling,
    /// Two cores under one last-level cache ("same chip").
    SameLlc,
    /// Two last-level caches of one node: two dies of a package, which the paper's machine did not have.
    SameNode,
    /// Two nodes ("different chip").
    OtherNode,
}

impl Placement {
    /// All placements.
    pub const ALL: [Self; 7] = [
        Self::Nearest,
        Self::OsDefault,
        Self::SameCpu,
        Self::SmtSibling,
        Self::SameLlc,
        Self::SameNode,
        Self::OtherNode,
    ];

    /// The name that specs and result files use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::OsDefault => "os_default",
            Self::SameCpu => "same_cpu",
            Self::SmtSibling => "smt_sibling",
            Self::SameLlc => "same_llc",
            Self::SameNode => "same_node",
            Self::OtherNode => "other_node",
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Slices, each with a queue of every device.
    pub slices: u16,
    /// Where the u-peers are.
    pub placement: Placement,
    /// CPUs for the application in each slice, at least 1. All are placed alike; with
    /// [`SameCpu`](Placement::SameCpu) and [`OsDefault`](Placement::OsDefault) only 1 makes sense.
    pub u_peers: u16,
}

/// The CPUs of one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceCpus {
    /// Runs the kernel's part: interrupts, NAPI, the XDP program.
    pub k_peer: CpuId,
    /// Run the application: one of them each of its threads, but for [`OsDefault`](Placement::OsDefault), where these
    /// are all CPUs that the scheduler may choose from.
    pub u_peers: Vec<CpuId>,
}

impl SliceCpus {
    /// All CPUs of the slice, ascending.
    #[must_use]
    pub fn all(&self) -> Vec<CpuId> {
        let mut cpus = self.u_peers.clone();
        cpus.push(self.k_peer);
        cpus.sort_unstable();
        cpus.dedup();
        cpus
    }
}

/// The CPUs of all slices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What was obtained: what was asked for, or what [`Nearest`](Placement::Nearest) came to.
    pub placement: Placement,
    /// Index = slice.
    pub slices: Vec<SliceCpus>,
}

/// Why slices cannot be placed so on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// There is no pair of CPUs of that kind.
    #[error(
        "placement {placement}: this machine has no two CPUs that are {what} among CPUs {allowed}; it has: {has}. Choose \
         one of these, or `nearest`"
    )]
    NoSuchPair {
        /// What was asked for.
        placement: Placement,
        /// The kind in words.
        what: &'static str,
        /// CPUs that the process may use, as a list.
        allowed: String,
        /// Placements that the machine has.
        has: String,
    },
    /// There are such pairs, and too few.
    #[error(
        "placement {placement}: {slices} slices with {u_peers} u-peers each need more CPUs than {allowed}, where {possible} \
         such slices find room: ask for fewer slices or u-peers, or for another placement"
    )]
    TooFew {
        /// What was asked for.
        placement: Placement,
        /// Slices asked for.
        slices: u16,
        /// u-peers asked for in each.
        u_peers: u16,
        /// CPUs that the process may use, as a list.
        allowed: String,
        /// Slices for which there is room.
        possible: usize,
    },
    /// The request itself cannot be met by any machine.
    #[error("placement {placement}: {why}")]
    Impossible {
        /// What was asked for.
        placement: Placement,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Chooses CPUs for slices among `allowed` (a process' affinity).
///
/// The choice is stable: lowest numbers first, whole cores before halves of used ones, and CPU 0 last, since most
/// machines leave interrupts and housekeeping there.
///
/// # Errors
/// When the machine lacks such CPUs, with what it has instead.
pub fn place(
    topology: &Topology,
    allowed: &[CpuId],
    request: &Request,
) -> Result<Plan, PlacementError> {
    check(request)?;
    let found = |placement| {
        room(
            topology,
            allowed,
            &Request {
                placement,
                ..*request
            },
        )
    };
    let enough = |slices: &Vec<SliceCpus>| slices.len() == usize::from(request.slices);
    if request.placement == Placement::Nearest {
        let nearest = NEAREST.into_iter().filter(|placement| {
            // One CPU for both leaves none to a second u-peer.
            *placement != Placement::SameCpu || request.u_peers == 1
        });
        let mut found = nearest.map(|placement| (placement, found(placement)));
        let plan = found.find(|(_, slices)| enough(slices));
        return plan
            .map(|(placement, slices)| Plan { placement, slices })
            .ok_or_else(|| too_few(topology, allowed, request));
    }
    let slices = found(request.placement);
    if enough(&slices) {
        let placement = request.placement;
        return Ok(Plan { placement, slices });
    }
    Err(lacking(topology, allowed, request))
}

/// What [`Placement::Nearest`] tries, in this order.
const NEAREST: [Placement; 5] = [
    Placement::SmtSibling,
    Placement::SameLlc,
    Placement::SameNode,
    Placement::OtherNode,
    Placement::SameCpu,
];

fn check(request: &Request) -> Result<(), PlacementError> {
    let wrong = |why| {
        let placement = request.placement;
        Err(PlacementError::Impossible { placement, why })
    };
    if request.slices == 0 || request.u_peers == 0 {
        return wrong("there must be at least one slice, and one u-peer in each");
    }
    match request.placement {
        Placement::SameCpu if request.u_peers > 1 => {
            wrong("one CPU for both has room for one u-peer: leave `u_peers` out")
        }
        Placement::OsDefault if request.u_peers > 1 => {
            wrong("the scheduler chooses among all CPUs: leave `u_peers` out")
        }
        Placement::Nearest
        | Placement::OsDefault
        | Placement::SameCpu
        | Placement::SmtSibling
        | Placement::SameLlc
        | Placement::SameNode
        | Placement::OtherNode => Ok(()),
    }
}

/// Slices of a placement, as many as find room, at most as many as are asked for.
fn room(topology: &Topology, allowed: &[CpuId], request: &Request) -> Vec<SliceCpus> {
    if request.placement == Placement::OsDefault {
        return os_default(topology, allowed, request.slices);
    }
    class(request.placement).map_or_else(Vec::new, |class| {
        assign(topology, allowed, class, (request.slices, request.u_peers))
    })
}

/// The pairs that a placement asks for; none where it asks for no kind.
const fn class(placement: Placement) -> Option<PairClass> {
    match placement {
        Placement::Nearest | Placement::OsDefault => None,
        Placement::SameCpu => Some(PairClass::SameCpu),
        Placement::SmtSibling => Some(PairClass::SmtSibling),
        Placement::SameLlc => Some(PairClass::SameLlc),
        Placement::SameNode => Some(PairClass::SameNode),
        Placement::OtherNode => Some(PairClass::RemoteNode),
    }
}

/// k-peers as [`Placement::SameCpu`] has them; every CPU may run every application.
fn os_default(topology: &Topology, allowed: &[CpuId], slices: u16) -> Vec<SliceCpus> {
    let mut found = assign(topology, allowed, PairClass::SameCpu, (slices, 1));
    let online = topology.cpus().iter().map(|cpu| cpu.id);
    let usable: Vec<CpuId> = online.filter(|id| allowed.contains(id)).collect();
    for slice in &mut found {
        slice.u_peers.clone_from(&usable);
    }
    found
}

const fn in_words(placement: Placement) -> &'static str {
    match placement {
        Placement::Nearest | Placement::OsDefault | Placement::SameCpu => "online",
        Placement::SmtSibling => "hardware threads of one core",
        Placement::SameLlc => "cores under one last-level cache",
        Placement::SameNode => "under two last-level caches of one node",
        Placement::OtherNode => "of two NUMA nodes",
    }
}

fn lacking(topology: &Topology, allowed: &[CpuId], request: &Request) -> PlacementError {
    let has = |placement: Placement| {
        let one = Request {
            slices: 1,
            placement,
            u_peers: 1,
        };
        !room(topology, allowed, &one).is_empty()
    };
    if has(request.placement) {
        return too_few(topology, allowed, request);
    }
    let kinds = Placement::ALL.into_iter().filter(|kind| has(*kind));
    let kinds: Vec<&str> = kinds.map(Placement::name).collect();
    PlacementError::NoSuchPair {
        placement: request.placement,
        what: in_words(request.placement),
        allowed: format_list(allowed),
        has: kinds.join(", "),
    }
}

fn too_few(topology: &Topology, allowed: &[CpuId], request: &Request) -> PlacementError {
    let placements: &[Placement] = match request.placement {
        Placement::Nearest if request.u_peers == 1 => &NEAREST,
        Placement::Nearest => &NEAREST[..NEAREST.len() - 1],
        Placement::OsDefault
        | Placement::SameCpu
        | Placement::SmtSibling
        | Placement::SameLlc
        | Placement::SameNode
        | Placement::OtherNode => std::slice::from_ref(&request.placement),
    };
    let rooms = placements.iter().map(|&placement| {
        let request = Request {
            placement,
            ..*request
        };
        room(topology, allowed, &request).len()
    });
    PlacementError::TooFew {
        placement: request.placement,
        slices: request.slices,
        u_peers: request.u_peers,
        allowed: format_list(allowed),
        possible: rooms.max().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
