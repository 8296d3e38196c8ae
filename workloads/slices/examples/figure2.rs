//! The program of the paper's Figure 2: naive deep packet inspection on one slice, by batched reads and writes.
//!
//! What comes by one device leaves by the other, ARP and all else too, so that the two hosts behind them see each other.
//! Without the scan it is a bump in the wire. It runs until it is killed; what the devices were told is in a journal,
//! from which `experiment clean` puts it back.
//!
//! ```text
//! cargo run -p steerbench-slices --example figure2 -- left0 right0
//! ```

use std::error::Error;

use slices::slice::{Crossed, Flags, Kept, Message, Slices, SlicesConfig};
use sys::journal::Journal;

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
    let config = SlicesConfig {
        kept: Kept::NOTHING,
        ..SlicesConfig::new(devices, 1)
    };
    let mut journal = Journal::open(&Journal::default_folder())?;
    let mut slices = Slices::attach(&config, Some(&mut journal))?;
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
            let mut windows = message.bytes().windows(PATTERN.len());
            if windows.any(|bytes| bytes == PATTERN) {
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
