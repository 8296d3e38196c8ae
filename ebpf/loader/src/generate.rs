//! The saturating generator.

use std::collections::BTreeMap;

use aya::maps::{Array, MapData};
use aya::programs::{TestRun as _, TestRunAttrs, TestRunOptions, Xdp};
use aya::{Ebpf, EbpfLoader, include_bytes_aligned};
use steering::layout::{LONGEST_REQUEST, REQUEST_BYTES, REQUEST_HEADER};

use crate::object::{self, map_error, program_error};
use crate::{Attached, Error, Result, attach};

/// Requests lie close together: the list is read from its begin to its end, over and over.
const ALIGNED: usize = 16;
/// Frames that the kernel gives the program in one go: a quarter of veth's queue.
const BATCH: u32 = 64;

/// The generator, loaded, with its list of requests. It belongs to the CPU of the one thread that
/// runs it.
pub struct Generate {
    ebpf: Ebpf,
    made: Array<MapData, u64>,
    /// A frame as long as most requests, for the kernel to make its live frames from: only others
    /// must be cut or stretched.
    template: Vec<u8>,
    listed: usize,
}

impl Generate {
    const NAME: &str = "generate";

    /// Loads the program with a list of whole frames (Ethernet and up), which go out through the
    /// device with index `ifindex` in their order, over and over. Of a list that is no power of two
    /// long, or too long for the program's 16 MiB, the largest power of two that fits is used.
    ///
    /// # Errors
    /// An empty list, a frame below 14 or above 1536 bytes, a kernel before 5.18, missing privilege,
    /// or the verifier's refusal.
    pub fn load(requests: &[Vec<u8>], ifindex: u32) -> Result<Self> {
        Self::load_object(requests, ifindex, 1)
    }

    /// Loads the program without the part that writes requests: its frames go out as the kernel made
    /// them, in the length that most requests have. For the benchmark.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_bare(requests: &[Vec<u8>], ifindex: u32) -> Result<Self> {
        Self::load_object(requests, ifindex, 0)
    }

    fn load_object(requests: &[Vec<u8>], ifindex: u32, writes: u32) -> Result<Self> {
        let list = List::new(requests)?;
        let mut loader = EbpfLoader::new();
        let (mask, stride) = (list.count as u64 - 1, list.stride as u64);
        loader
            .override_global("MASK", &mask, true)
            .override_global("STRIDE", &stride, true)
            .override_global("WRITES", &writes, true);
        let object = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/generate"));
        let mut ebpf = object::xdp(Self::NAME, &mut loader, object)?;
        let mut map: Array<MapData, [u8; REQUEST_BYTES]> =
            object::array(&mut ebpf, Self::NAME, "REQUESTS")?;
        map.set(0, list.bytes, 0).map_err(map_error("REQUESTS"))?;
        let mut device = object::devices(&mut ebpf, Self::NAME, "DEVICE")?;
        object::set_device(&mut device, "DEVICE", 0, ifindex)?;
        Ok(Self {
            made: object::array(&mut ebpf, Self::NAME, "MADE")?,
            ebpf,
            template: list.usual,
            listed: list.count,
        })
    }

    /// Makes calls of [`run`](Self::run) cheap for as long as what is returned lives.
    ///
    /// A call for more than one frame enters the program in the kernel's XDP dispatcher and takes it out again at its
    /// end (`bpf_prog_change_xdp`), and each time code is patched and a grace period of RCU is waited for: tens of
    /// milliseconds on an idle machine. A program that is attached to a device stays in the dispatcher. `ifindex` is
    /// that device, in the calling thread's namespace; it must be one that no frame comes in by, for the program
    /// would write over it. Best is the loopback device of a namespace that nobody else has.
    ///
    /// # Errors
    /// When the device is gone or has a program already.
    pub fn keep_dispatched(&mut self, ifindex: u32) -> Result<Attached> {
        let program = object::program::<Xdp>(&mut self.ebpf, Self::NAME)?;
        attach::xdp(Self::NAME, program, ifindex, attach::Place::Stack)
    }

    /// Makes `frames` frames on the calling thread's CPU, as fast as it can, and returns when all
    /// have left or were refused by the device; a signal ends it early.
    ///
    /// # Errors
    /// When the kernel refuses live frames.
    pub fn run(&self, frames: u32) -> Result<()> {
        let error = program_error(Self::NAME);
        let program = self.ebpf.program(Self::NAME).ok_or(Error::Incomplete {
            program: Self::NAME,
            part: "program section",
        })?;
        let program: &Xdp = program.try_into().map_err(&error)?;
        let mut options = TestRunOptions::new();
        options.data_in = Some(&self.template);
        options.repeat = frames;
        options.attrs = TestRunAttrs::new().xdp_live_frames(BATCH);
        program.test_run(options).map_err(error)?;
        Ok(())
    }

    /// Frames made so far.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn made(&self) -> Result<u64> {
        self.made.get(&0, 0).map_err(map_error("MADE"))
    }

    /// Requests of the list that are used.
    #[must_use]
    pub const fn listed(&self) -> usize {
        self.listed
    }
}

/// The requests as the program reads them.
struct List {
    bytes: Box<[u8; REQUEST_BYTES]>,
    count: usize,
    stride: usize,
    /// A frame of the length that most have.
    usual: Vec<u8>,
}

impl List {
    fn new(requests: &[Vec<u8>]) -> Result<Self> {
        let longest = requests.iter().map(Vec::len).max().unwrap_or(0);
        let shortest = requests.iter().map(Vec::len).min().unwrap_or(0);
        if shortest < 14 || longest > LONGEST_REQUEST {
            return Err(Error::BadConfig(
                "the generator lists frames of 14 to 1536 bytes, at least one",
            ));
        }
        let stride = (REQUEST_HEADER + longest).next_multiple_of(ALIGNED);
        let fits = (REQUEST_BYTES - REQUEST_HEADER - LONGEST_REQUEST) / stride + 1;
        let count = 1 << requests.len().min(fits).ilog2();
        let mut bytes = vec![0; REQUEST_BYTES];
        for (slot, frame) in bytes.chunks_mut(stride).zip(&requests[..count]) {
            slot[..2].copy_from_slice(&(frame.len() as u16).to_le_bytes());
            slot[REQUEST_HEADER..REQUEST_HEADER + frame.len()].copy_from_slice(frame);
        }
        let bytes: Result<Box<[u8; REQUEST_BYTES]>, _> = bytes.into_boxed_slice().try_into();
        Ok(Self {
            bytes: bytes.map_err(|_| Error::BadConfig("the generator's list has one size"))?,
            count,
            stride,
            usual: usual(&requests[..count]),
        })
    }
}

fn usual(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut by_length = BTreeMap::new();
    for frame in frames {
        by_length.entry(frame.len()).or_insert((0, frame)).0 += 1;
    }
    let most = by_length.into_values().max_by_key(|(frames, _)| *frames);
    most.map_or_else(Vec::new, |(_, frame)| frame.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_lie_where_the_program_looks_for_them() {
        let requests: Vec<Vec<u8>> = (0..5).map(|n| vec![n; 60 + usize::from(n)]).collect();
        let list = List::new(&requests).unwrap();
        assert_eq!((list.count, list.stride), (4, 80));
        assert_eq!(
            list.bytes[3 * 80..3 * 80 + 10],
            [63, 0, 0, 0, 0, 0, 0, 0, 3, 3]
        );
        assert_eq!(list.bytes[4 * 80], 0, "beyond the power of two");
    }

    #[test]
    fn a_list_that_is_too_long_is_cut_to_what_fits() {
        let list = List::new(&vec![vec![1; 1500]; 16_384]).unwrap();
        assert_eq!(list.count, 8192);
        assert!(list.count * list.stride <= REQUEST_BYTES);
    }

    #[test]
    fn impossible_lists_are_refused() {
        for requests in [vec![], vec![vec![0; 13]], vec![vec![0; 60], vec![0; 1537]]] {
            assert!(List::new(&requests).is_err());
        }
    }
}
