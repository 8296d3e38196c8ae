//! Running a loaded program over one frame, attached to nothing (BPF_PROG_TEST_RUN).
//!
//! A redirect is decided but not carried out. The kernel takes frames from 14 bytes (an Ethernet
//! header) up to about a page.

use std::time::Duration;

use aya::programs::{Program, ProgramError, TestRun as _, TestRunOptions, Xdp};

/// Where the frame is said to have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestContext {
    /// A device of the calling thread's network namespace; 0 for none, and then queue 0 only.
    pub ifindex: u32,
    /// One of its receive queues.
    pub rx_queue: u32,
}

/// What came of it: an XDP action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRun {
    /// The program's return value: an XDP action.
    pub verdict: u32,
    /// Mean time of one run, as the kernel measured it. Whole nanoseconds.
    pub duration: Duration,
    /// The frame as the program left it.
    pub data: Vec<u8>,
}

/// Room for a frame that a program made longer.
const HEADROOM: usize = 256;

pub(crate) fn run(
    program: &Program,
    frame: &[u8],
    repeat: u32,
    context: TestContext,
) -> Result<TestRun, ProgramError> {
    // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
    let length = frame.len() as u32;
    let words = [0, length, 0, context.ifindex, context.rx_queue, 0];
    let mut ctx = [0; 24];
    for (bytes, word) in ctx.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *bytes = word.to_ne_bytes();
    }
    let mut data = vec![0; frame.len() + HEADROOM];
    let mut options = TestRunOptions::new();
    options.data_in = Some(frame);
    options.data_out = Some(&mut data);
    options.repeat = repeat;
    options.ctx_in = Some(&ctx);
    let program: &Xdp = program.try_into()?;
    let result = program.test_run(options)?;
    data.truncate(result.data_size_out as usize);
    Ok(TestRun {
        verdict: result.return_value,
        duration: result.duration,
        data,
    })
}
