//! Receive-side scaling of a device: hash function, key and indirection table.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ioctl::{Words, command, exchange};
use crate::error::malformed;
use crate::journal::{Change, Journal};

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
    let (answer, entries, key) = ask(device)?;
    Ok(decode(&answer, entries, key))
}

/// Spreads flows by this indirection table, which must be as long as the device's; function and key stay.
///
/// # Errors
/// As [`rss`]; `InvalidInput` when the table is not as long as the device's, or names a queue that is not there.
pub fn set_rss_table(device: &str, table: &[u32]) -> io::Result<()> {
    let (answer, entries, _) = ask(device)?;
    if entries != table.len() {
        let (given, has) = (table.len(), entries);
        let reason = format!("{device} has an RSS table of {has} entries, not {given}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let mut words = change(&answer, table);
    exchange(device, "change the RSS table of", &mut words).map(drop)
}

/// The request that changes nothing but the table. The symmetric transformation of the hash (Linux 6.8) is told as it is,
/// for there is no way to leave it out that older kernels understand.
fn change(answer: &[u8], table: &[u32]) -> Words {
    let mut words = Words::new(command::SRSSH, HEAD + table.len());
    words.set(2, table.len() as u32);
    let unchanged_function = 0;
    words.set(
        4,
        u32::from_ne_bytes([unchanged_function, answer[4 * 4 + 1], 0, 0]),
    );
    for (at, queue) in (HEAD..).zip(table) {
        words.set(at, *queue);
    }
    words
}

/// A changed RSS table that is put back when this is dropped.
#[derive(Debug)]
#[must_use = "the table is put back when the guard is dropped"]
pub struct RssGuard {
    device: String,
    old: Vec<u32>,
}

impl RssGuard {
    /// Spreads flows by this table until the guard is dropped. With a journal, the old one is on disk before the change.
    ///
    /// # Errors
    /// As [`set_rss_table`]; also when the journal cannot be written, in which case nothing was changed.
    pub fn set(device: &str, table: &[u32], journal: Option<&mut Journal>) -> io::Result<Self> {
        let old = rss(device)?.table;
        let device = device.to_owned();
        if old != table {
            if let Some(journal) = journal {
                let (device, old) = (device.clone(), old.clone());
                journal.record(&Change::RssTable { device, old })?;
            }
            set_rss_table(&device, table)?;
        }
        Ok(Self { device, old })
    }
}

impl Drop for RssGuard {
    fn drop(&mut self) {
        if let Err(error) = set_rss_table(&self.device, &self.old) {
            tracing::warn!(%error, device = self.device, "an RSS table could not be restored");
        }
    }
}

/// The kernel's answer, with its entries of the table and bytes of the key.
fn ask(device: &str) -> io::Result<(Vec<u8>, usize, usize)> {
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
    Ok((exchange(device, doing, &mut words)?, entries, key))
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

    #[test]
    fn a_change_tells_the_table_and_nothing_else_that_is_new() {
        let mut answer = vec![0; HEAD * 4];
        (answer[16], answer[17]) = (1, 3);
        let words = change(&answer, &[0, 1, 0, 1]);
        let told: Vec<u32> = (0..HEAD + 4).map(|at| words.get(at)).collect();
        let transformation = u32::from_ne_bytes([0, 3, 0, 0]);
        assert_eq!(
            told,
            [command::SRSSH, 0, 4, 0, transformation, 0, 0, 1, 0, 1]
        );
    }
}
