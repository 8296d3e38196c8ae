//! Receive-side scaling of a device: hash function, key and indirection table.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ioctl::{Words, command, exchange};
use crate::error::malformed;

/// Words in front of the table: command, context, sizes of table and key, function, reserved.
const HEAD: usize = 6;
/// Larger than any device's, and small enough to allocate.
const MOST_ENTRIES: usize = 1 << 14;

/// How a device spreads flows over its receive queues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rss {
    /// Hash function: `toeplitz`, `xor`, `crc32`, or the driver's bits.
    pub function: String,
    /// The key, hexadecimal; empty where the driver does not tell.
    pub key: String,
    /// Receive queue by entry of the indirection table.
    pub table: Vec<u32>,
}

/// Asks for a device's RSS.
///
/// # Errors
/// `NotFound` when there is no such device; `Unsupported` when it has no RSS (veth, and NICs with one
/// queue).
pub fn rss(device: &str) -> io::Result<Rss> {
    let doing = "ask the RSS of";
    let mut sizes = Words::new(command::GRSSH, HEAD);
    exchange(device, doing, &mut sizes)?;
    let (entries, key) = (sizes.get(2) as usize, sizes.get(3) as usize);
    if entries > MOST_ENTRIES || key > MOST_ENTRIES {
        return Err(malformed(format!(
            "an RSS table of {entries} entries and a key of {key} bytes"
        )));
    }
    let mut words = Words::new(command::GRSSH, HEAD + entries + key.div_ceil(4));
    words.set(2, entries as u32);
    words.set(3, key as u32);
    let answer = exchange(device, doing, &mut words)?;
    Ok(decode(&answer, entries, key))
}

fn decode(answer: &[u8], entries: usize, key: usize) -> Rss {
    let table = &answer[HEAD * 4..][..entries * 4];
    let word = |bytes: &[u8; 4]| u32::from_ne_bytes(*bytes);
    let key = &answer[(HEAD + entries) * 4..][..key];
    Rss {
        function: function(answer[4 * 4]),
        key: key.iter().map(|byte| format!("{byte:02x}")).collect(),
        table: table.as_chunks().0.iter().map(word).collect(),
    }
}

/// One of the kernel's `ETH_RSS_HASH_*` bits.
fn function(bits: u8) -> String {
    match bits {
        1 => "toeplitz".to_owned(),
        2 => "xor".to_owned(),
        4 => "crc32".to_owned(),
        other => format!("bits {other:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_key_follow_the_head() {
        let mut answer = vec![0; HEAD * 4];
        answer[16] = 1;
        for queue in [0_u32, 1, 2, 3] {
            answer.extend(queue.to_ne_bytes());
        }
        answer.extend([0x6d, 0x5a, 0x56, 0xda, 0x25, 0, 0, 0]);
        let rss = decode(&answer, 4, 5);
        assert_eq!(rss.function, "toeplitz");
        assert_eq!(rss.table, [0, 1, 2, 3]);
        assert_eq!(rss.key, "6d5a56da25");
    }
}
