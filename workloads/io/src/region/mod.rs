//! Requests that a client writes into its server's memory, in place of packets (HERD, SIGCOMM 2014, as
//! ENCP'19, section 5, has it: clients write each request into a region of the thread that owns its key).
//!
//! A client has a region with each owner: a ring of slots, written by that client and polled by that
//! owner. A slot holds one request and then its reply ([`slot`]). Where HERD has RDMA writes there is
//! memory that both processes map; nobody is notified of anything.

mod client;
mod server;
pub mod slot;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use client::RegionClient;
pub use server::{RegionFrame, RegionIo};

use sys::shared::Shared;

/// Words of a slot: two of header, the rest for one request or reply.
const SLOT_WORDS: usize = 256;
/// The longest request or reply, bytes.
pub const ROOM: usize = (SLOT_WORDS - slot::HEADER_WORDS) * 8;
/// Words before the first slot: what this memory is, owners, slots of a region.
const HEAD_WORDS: usize = 8;
/// "regions" and the layout's version.
const MAGIC: u64 = u64::from_le_bytes(*b"region\0\x01");

/// The regions of one client with all owners of a server.
#[derive(Debug)]
pub struct Regions {
    memory: Shared,
    owners: u16,
    slots: u32,
}

impl Regions {
    /// Makes regions of `slots` slots each.
    ///
    /// # Errors
    /// When there is no such memory.
    pub fn create(owners: u16, slots: u32) -> io::Result<Self> {
        if owners == 0 || slots == 0 {
            return Err(invalid("regions need an owner and a slot"));
        }
        let words = HEAD_WORDS + usize::from(owners) * slots as usize * SLOT_WORDS;
        let memory = Shared::create("steerbench-regions", words)?;
        memory.words()[1].store(u64::from(owners), Ordering::Relaxed);
        memory.words()[2].store(u64::from(slots), Ordering::Relaxed);
        memory.words()[0].store(MAGIC, Ordering::Release);
        Ok(Self {
            memory,
            owners,
            slots,
        })
    }

    /// Maps the regions that another process made.
    ///
    /// # Errors
    /// When they are not there, or are something else.
    pub fn open(path: &Path) -> io::Result<Self> {
        let memory = Shared::open(path)?;
        let [magic, owners, slots] = [0, 1, 2].map(|at| memory.words().get(at));
        if magic.is_none_or(|magic| magic.load(Ordering::Acquire) != MAGIC) {
            return Err(invalid("this memory holds no regions"));
        }
        let number = |word: Option<&AtomicU64>| word.map_or(0, |word| word.load(Ordering::Relaxed));
        let (owners, slots) = (number(owners), number(slots));
        let words = u128::from(owners) * u128::from(slots) * SLOT_WORDS as u128;
        let (Ok(owners), Ok(slots)) = (u16::try_from(owners), u32::try_from(slots)) else {
            return Err(invalid("regions of an impossible size"));
        };
        if words + HEAD_WORDS as u128 != memory.words().len() as u128 {
            return Err(invalid("regions of another size than their memory"));
        }
        Ok(Self {
            memory,
            owners,
            slots,
        })
    }

    /// Where other processes find them, as long as this value lives.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.memory.path()
    }

    /// Owners that have a region each.
    #[must_use]
    pub const fn owners(&self) -> u16 {
        self.owners
    }

    /// A slot's words.
    fn slot(&self, owner: u16, slot: u32) -> &[AtomicU64] {
        assert!(owner < self.owners && slot < self.slots, "no such slot");
        let number = usize::from(owner) * self.slots as usize + slot as usize;
        let at = HEAD_WORDS + number * SLOT_WORDS;
        &self.memory.words()[at..at + SLOT_WORDS]
    }

    /// The slot after this one.
    fn after(&self, slot: u32) -> u32 {
        (slot + 1) % self.slots
    }
}

impl slot::Words for [AtomicU64] {
    fn state(&self) -> u64 {
        self[0].load(Ordering::Acquire)
    }

    fn set_state(&self, state: u64) {
        self[0].store(state, Ordering::Release);
    }

    fn word(&self, at: usize) -> u64 {
        self[at].load(Ordering::Relaxed)
    }

    fn set_word(&self, at: usize, value: u64) {
        self[at].store(value, Ordering::Relaxed);
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
