//! Frames made in the kernel by one CPU: live frames of BPF_PROG_TEST_RUN, by a program that is at hand between calls.
//!
//! What shapes this (Linux 6.18): a call of more than one frame takes 24 ms on an idle machine, whatever their number,
//! where the program is attached to nothing; 22 us and the frames' own time where it is
//! ([`Generate::keep_dispatched`] says why). So it is attached to the loopback device of a namespace that is made for
//! that: it is down, no frame comes in by it, and it is gone with the process.

use loader::{Attached, Generate};
use sys::clock;
use sys::netns::Namespace;

use crate::ClientError;

/// The loopback device's index, in every namespace.
const LOOPBACK: u32 = 1;
/// Frames of a call while it is not known how fast they leave.
const FIRST_CALL: u32 = 1 << 16;
/// Frames of a call at most: about half a second.
const LONGEST_CALL: u32 = 1 << 21;

/// The generator of one CPU, ready.
pub(crate) struct LiveFrames {
    generate: Generate,
    /// In the namespace that follows, which lives as long as there is a descriptor of it.
    _attached: Attached,
    _namespace: Namespace,
}

impl LiveFrames {
    /// Lists the frames, which leave by the device of index `ifindex` in the calling thread's namespace.
    pub(crate) fn open(frames: &[Vec<u8>], ifindex: u32) -> Result<Self, ClientError> {
        let mut generate = Generate::load(frames, ifindex)?;
        let failed = "making a namespace for the generator";
        let namespace = Namespace::create().map_err(ClientError::io(failed))?;
        let attached = namespace
            .run(|| generate.keep_dispatched(LOOPBACK))
            .map_err(ClientError::io(failed))??;
        Ok(Self {
            generate,
            _attached: attached,
            _namespace: namespace,
        })
    }

    /// Makes `frames` frames on the calling thread's CPU, as fast as it can.
    pub(crate) fn make(&self, frames: u32) -> Result<(), ClientError> {
        Ok(self.generate.run(frames)?)
    }

    /// Makes frames until `end_ns`; a call's length follows from how fast the one before was.
    pub(crate) fn make_until(&self, end_ns: u64) -> Result<(), ClientError> {
        let mut frames = FIRST_CALL;
        loop {
            let began_ns = clock::now_ns();
            if began_ns >= end_ns {
                return Ok(());
            }
            self.make(frames)?;
            let now_ns = clock::now_ns();
            let took_ns = (now_ns - began_ns).max(1);
            let left_ns = end_ns.saturating_sub(now_ns);
            let fitting = u128::from(frames) * u128::from(left_ns) / u128::from(took_ns);
            frames = u32::try_from(fitting)
                .unwrap_or(LONGEST_CALL)
                .clamp(FIRST_CALL, LONGEST_CALL);
        }
    }

    /// Frames made so far.
    pub(crate) fn made(&self) -> Result<u64, ClientError> {
        Ok(self.generate.made()?)
    }
}
