//! The rig that is a lossy path.

use aya::maps::{Array, MapData, ProgramArray};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::channel::Channel;
use steering::layout::{CHANNEL_LOST, CHANNEL_NUMBERS, CHANNEL_PASSED, CHANNEL_STATE, MAX_TARGETS};

use crate::object::{self, map_error};
use crate::{Result, XdpProgram};

/// What became of the frames of one queue on a lossy path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathCounters {
    /// Frames that went on.
    pub passed: u64,
    /// Frames that were lost.
    pub lost: u64,
}

/// An XDP program, loaded, that loses frames as a [`Channel`] does and hands the others to another program, or to the
/// network stack. For the device at which the path ends, or one in its middle, with a [`SwitchPort`](crate::SwitchPort) behind it.
///
/// Each receive queue is a path of its own. The device must handle a queue's frames on one CPU at a time, as NAPI does: then which
/// ones are lost depends on seed, queue and order alone, and the same function says it beforehand.
pub struct LossyPath {
    ebpf: Ebpf,
    paths: Array<MapData, [u64; CHANNEL_NUMBERS]>,
    next: ProgramArray<MapData>,
}

impl LossyPath {
    const NAME: &str = "channel";
    const PATHS: &str = "PATHS";

    /// Loads the program. Every queue's path begins as [`Channel::first`] says.
    ///
    /// # Errors
    /// Missing privilege, or the verifier's refusal.
    pub fn load(channel: &Channel, seed: u64) -> Result<Self> {
        let mut loader = EbpfLoader::new();
        loader
            .override_global("TO_BAD", &channel.to_bad, true)
            .override_global("TO_GOOD", &channel.to_good, true)
            .override_global("LOST_GOOD", &channel.lost_good, true)
            .override_global("LOST_BAD", &channel.lost_bad, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/channel"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        let mut path = Self {
            paths: object::array(&mut ebpf, Self::NAME, Self::PATHS)?,
            next: object::programs(&mut ebpf, Self::NAME, "NEXT")?,
            ebpf,
        };
        for queue in 0..MAX_TARGETS {
            let mut numbers = [0; CHANNEL_NUMBERS];
            numbers[CHANNEL_STATE] = Channel::first(seed, queue);
            let set = path.paths.set(queue, numbers, 0);
            set.map_err(map_error(Self::PATHS))?;
        }
        Ok(path)
    }

    /// Hands what is not lost to `program`, which need not be attached itself.
    ///
    /// # Errors
    /// When the kernel does not let the one call the other.
    pub fn before(&mut self, program: &impl XdpProgram) -> Result<()> {
        self.next
            .set(0, program.program_fd()?, 0)
            .map_err(map_error("NEXT"))
    }

    /// What became of the frames so far, of the first `queues` queues.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn counters(&self, queues: u32) -> Result<Vec<PathCounters>> {
        let of = |queue: u32| {
            let numbers = self.paths.get(&queue, 0);
            let numbers = numbers.map_err(map_error(Self::PATHS))?;
            Ok(PathCounters {
                passed: numbers[CHANNEL_PASSED],
                lost: numbers[CHANNEL_LOST],
            })
        };
        (0..queues.min(MAX_TARGETS)).map(of).collect()
    }
}

crate::chain::xdp_methods!(LossyPath);
