//! Programmable RSS: the flow's hash chosen and computed by us, the table's slot in place of the
//! NIC's indirection entry.
//!
//! A NIC's RSS has one hash, Toeplitz, and 128 entries of queues; a frame's socket must belong to its
//! queue. In XDP the hash is a function like any other, and the 1024 slots name owners, which may be
//! more or fewer than the queues (ENCP'19 section 5, reference 32).

use packet::Addresses;

use crate::hash::{SEED, absorb, finish};
use crate::rss::{DEFAULT_KEY, KeyWords, Tuple, key_words, toeplitz_words};
use crate::table::SLOTS;

const KEY: KeyWords = key_words(&DEFAULT_KEY);

/// Bytes of what is hashed of a flow, for the end of the mix: they tell the address families apart.
const V4_LEN: usize = 12;
const V6_LEN: usize = 36;

/// The Toeplitz hash under the published key, as a NIC has it. Its low bits choose the slot, as they
/// choose a NIC's entry; [`crate::slot_of`] takes the top ones, so they are put there.
#[inline(always)]
#[must_use]
pub fn toeplitz_hash(tuple: &Tuple) -> u64 {
    u64::from(toeplitz_words(&KEY, tuple)) << (64 - SLOTS.ilog2())
}

/// The flow's addresses and ports through the hash of keys: one multiplication for each word of 64
/// bits, where Toeplitz takes four instructions for each bit.
#[inline(always)]
#[must_use]
pub fn mix_hash(tuple: &Tuple) -> u64 {
    let ports = u64::from(tuple.src_port) << 16 | u64::from(tuple.dst_port);
    match tuple.addresses {
        Addresses::V4(src, dst) => {
            let both =
                u64::from(u32::from_be_bytes(src)) << 32 | u64::from(u32::from_be_bytes(dst));
            finish(absorb(SEED, both), ports, V4_LEN)
        }
        Addresses::V6(src, dst) => {
            let [src_high, src_low] = halves(src);
            let [dst_high, dst_low] = halves(dst);
            let chain = absorb(absorb(SEED, src_high), src_low);
            finish(absorb(absorb(chain, dst_high), dst_low), ports, V6_LEN)
        }
    }
}

#[inline(always)]
const fn halves(address: [u8; 16]) -> [u64; 2] {
    let all = u128::from_be_bytes(address);
    [(all >> 64) as u64, all as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rss::{Indirection, queue_of_flow};
    use crate::{PartitionTable, slot_of};

    fn flows() -> impl Iterator<Item = Tuple> {
        (0..4096_u16).map(|flow| Tuple {
            addresses: Addresses::V4([198, 18, 0, 2], [198, 18, 0, 1]),
            src_port: 20_000 + flow,
            dst_port: 11_211,
        })
    }

    #[test]
    fn with_as_many_owners_as_queues_toeplitz_chooses_as_the_nic_does() {
        let table = PartitionTable::even(4);
        let indirection = Indirection::even(4);
        for flow in flows() {
            let owner = table.owner_of(toeplitz_hash(&flow));
            assert_eq!(owner, queue_of_flow(&DEFAULT_KEY, &indirection, &flow));
        }
    }

    /// 4096 flows over 1024 slots: a slot's count is nearly Poisson with mean 4, an owner's with 1365.
    #[test]
    fn the_mix_spreads_flows_and_knows_each_field() {
        let mut owners = [0_u32; 3];
        let table = PartitionTable::even(3);
        for flow in flows() {
            owners[usize::from(table.owner_of(mix_hash(&flow)))] += 1;
            let other = |changed: Tuple| assert_ne!(mix_hash(&changed), mix_hash(&flow));
            other(Tuple {
                dst_port: 1,
                ..flow
            });
            other(Tuple {
                addresses: Addresses::V4([198, 18, 0, 1], [198, 18, 0, 2]),
                ..flow
            });
        }
        assert!(
            owners.iter().all(|count| count.abs_diff(1365) < 200),
            "{owners:?}"
        );
    }

    #[test]
    fn ipv6_halves_count_in_their_order() {
        let tuple = |src, dst| Tuple {
            addresses: Addresses::V6(src, dst),
            src_port: 1,
            dst_port: 2,
        };
        let (mut a, b) = ([7; 16], [9; 16]);
        let first = mix_hash(&tuple(a, b));
        assert_ne!(first, mix_hash(&tuple(b, a)));
        a[15] = 8;
        assert_ne!(first, mix_hash(&tuple(a, b)));
        assert!(usize::from(slot_of(first)) < SLOTS);
    }
}
