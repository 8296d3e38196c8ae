//! The bench rig that prepares each run's frame.

use aya::maps::{Array, MapData, ProgramArray};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::layout::{LONGEST_REQUEST, REQUEST_BYTES, REQUEST_HEADER};

use crate::object::{self, map_error};
use crate::{Error, Result, XdpProgram};

/// A program that makes each frame of a test run the same request and goes on to another program, whose
/// time is then the difference to going on to nothing.
pub struct Renew {
    ebpf: Ebpf,
    next: ProgramArray<MapData>,
}

impl Renew {
    const NAME: &str = "renew";

    /// Loads the program with the frame that it writes.
    ///
    /// # Errors
    /// A frame longer than 1536 bytes, missing privilege, or the verifier's refusal.
    pub fn load(frame: &[u8]) -> Result<Self> {
        let Some(len) = u16::try_from(frame.len())
            .ok()
            .filter(|len| usize::from(*len) <= LONGEST_REQUEST)
        else {
            return Err(Error::BadConfig("a prepared frame has at most 1536 bytes"));
        };
        let frame_len = u32::from(len);
        let mut loader = EbpfLoader::new();
        loader.override_global("FRAME_LEN", &frame_len, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/renew"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        let mut requests: Array<MapData, [u8; REQUEST_BYTES]> =
            object::array(&mut ebpf, Self::NAME, "REQUESTS")?;
        let mut list = vec![0; REQUEST_BYTES];
        list[..2].copy_from_slice(&len.to_le_bytes());
        list[REQUEST_HEADER..REQUEST_HEADER + frame.len()].copy_from_slice(frame);
        let list: Box<[u8; REQUEST_BYTES]> = list
            .into_boxed_slice()
            .try_into()
            .map_err(|_| Error::BadConfig("a list of another size"))?;
        requests.set(0, list, 0).map_err(map_error("REQUESTS"))?;
        Ok(Self {
            next: object::programs(&mut ebpf, Self::NAME, "NEXT")?,
            ebpf,
        })
    }

    /// Goes on to `program` from now on.
    ///
    /// # Errors
    /// When the kernel does not let the one call the other.
    pub fn before(&mut self, program: &impl XdpProgram) -> Result<()> {
        self.next
            .set(0, program.program_fd()?, 0)
            .map_err(map_error("NEXT"))
    }
}

crate::chain::xdp_methods!(Renew);
