//! The program of the paper's Figure 2: naive deep packet inspection on one slice, by batched reads and writes.
//!
//! What comes by one device leaves by the other. Without the scan it is a bump in the wire. It runs until it is
//! killed, and the devices are as they were then.
//!
//! ```text
//! cargo run -p steerbench-slices --example figure2 -- left0 right0
//! ```

use std::error::Error;

use slices::slice::{Crossed, Flags, Message, Slices, SlicesConfig};

/// I/O vectors of one call (`IOVS`).
const IOVS: usize = 256;
/// Bytes of the longest packet (`MTU_LARGE`).
const MTU_LARGE: usize = 4096;
/// What is looked for.
const PATTERN: &[u8] = b"attack";

fn main() -> Result<(), Box<dyn Error>> {
    let devices: Vec<String> = std::env::args().skip(1).collect();
    if devices.len() != 2 {
        return Err("two devices are needed, such as: figure2 left0 right0".into());
    }
    let mut slices = Slices::attach(&SlicesConfig::new(devices, 1), None)?;
    for told in slices.applied() {
        eprintln!("{told}");
    }
    let mut slice = slices.open(0, Crossed)?;
    slice.run_here()?;
    // What local sockets sent over a veth has unfinished checksums.
    slice.set_tx_checksums(Flags::TRANSPORT_CHECKSUM);
    // The packets' own memory is locked already: the kernel pins it.
    let mut iov = vec![Message::with_capacity(MTU_LARGE); IOVS];
    let mut suspicious = 0_u64;
    loop {
        let count = slice.read_batch(&mut iov)?;
        for message in &iov[..count] {
            if message
                .bytes()
                .windows(PATTERN.len())
                .any(|bytes| bytes == PATTERN)
            {
                suspicious += 1;
                eprintln!(
                    "{suspicious} packets with {:?}",
                    String::from_utf8_lossy(PATTERN)
                );
            }
        }
        let mut written = 0;
        while written < count {
            written += slice.write_batch(&iov[written..count])?;
        }
    }
}
