//! What each thread counts while it serves.
//!
//! Each thread writes its own counters only, on cache lines of its own, with a relaxed load and
//! store instead of a locked addition: the control thread may read them at any time, and every
//! value it sees was true at some moment. At quiescence they are exact.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::protocol::Single;

/// One counter with a single writer.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds one. Call it from the owning thread only.
    #[inline]
    pub fn one(&self) {
        self.add(1);
    }

    /// Adds `n`. Call it from the owning thread only.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0
            .store(self.0.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    /// The present value, from any thread.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// One thread's counters, live.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct LiveCounts {
            $($(#[$doc])* pub $name: Count,)+
        }

        /// One thread's counters, or their sum, as read at one time.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl LiveCounts {
            /// The counters as they stand.
            pub fn read(&self) -> Counts {
                Counts { $($name: self.$name.get(),)+ }
            }
        }

        impl Counts {
            /// The sum of two threads' counters.
            #[must_use]
            pub fn plus(self, other: Self) -> Self {
                Self { $($name: self.$name + other.$name,)+ }
            }

            /// What was counted since `earlier`.
            #[must_use]
            pub fn since(self, earlier: Self) -> Self {
                Self { $($name: self.$name.saturating_sub(earlier.$name),)+ }
            }

            /// Every counter with its name.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }
    };
}

counters! {
    /// Request datagrams taken from the socket or ring by this thread.
    requests_received,
    /// Commands received over TCP.
    tcp_requests,
    /// Commands for one key that this thread executed, only reading.
    executed_get,
    /// Commands for one key that this thread executed, changing something.
    executed_write,
    /// Keys of multi-gets that this thread executed.
    executed_multi_key,
    /// Multi-gets that this thread gathered and answered.
    executed_multi,
    /// Scans that this thread answered, or its part of each.
    executed_scan,
    /// Keys of scans that this thread looked up.
    executed_scan_key,
    /// Of the handoffs, those by which this thread asked for keys of a scan.
    scan_handoffs,
    /// Commands about all shards that this thread gathered and answered.
    executed_global,
    /// Commands that need no store, malformed ones included.
    executed_immediate,
    /// Injected service time that this thread burnt, ns.
    service_ns,
    /// Request datagrams whose execution is complete.
    requests_executed,
    /// Replies sent, each of one or several datagrams.
    replies_sent,
    /// Datagrams of those replies.
    reply_datagrams,
    /// Request datagrams executed that ask for no reply.
    noreply_executed,
    /// Transfers of a request (or of a key of a multi-get, or of all of an owner's, or of one shard's
    /// part of a global command) to another thread before execution.
    handoffs,
    /// Single-key requests, addressed by client or XDP, that this thread dequeued and does not own.
    misroutes,
    /// Single-key requests whose hash came with the packet and was used.
    hashes_reused,
    /// Single-key requests that were hashed anew to compare with what came with the packet.
    hashes_checked,
    /// Of those, the ones where hash or place of the key differed.
    hashes_disagreed,
    /// Single-key requests whose hash was to come with the packet and did not.
    hashes_unnoted,
    /// Gets of hot keys that this thread answered from its copies.
    hot_spread,
    /// Gets of hot keys that were spread to this thread and handed to their owner for want of a copy.
    hot_forwarded,
    /// Commands that this thread held until the copies of what they change were gone.
    hot_waits,
    /// Hot items of which this thread gave all others a copy.
    hot_copies,
    /// Hot items of which this thread called the copies back.
    hot_withdrawals,
    /// Sealed requests whose token is not that of their key, refused.
    wrong_tokens,
    /// Requests whose queue's NAPI CPU is not the CPU that executes them.
    cross_core_hops,
    /// Rounds in which a full ring to another thread held up receiving.
    handoff_stalls,
    /// Eventfd writes that this thread made to wake another.
    wakeups_sent,
    /// How late replies left that were held until a due time, summed, in ns.
    release_lag_ns,
    /// Of those replies, the ones that left more than 20 us late.
    releases_late,
    /// Datagrams that are no request: too short for the frame header, or one of several.
    drop_bad_frame,
    /// Datagrams that are to be sealed and do not open: not sealed, forged or damaged.
    drop_bad_seal,
    /// Datagrams that end before the request does.
    drop_incomplete,
    /// Replies of several datagrams whose first found no free frame or socket space.
    drop_no_frame,
    /// Replies that do not fit the datagram format's 16-bit count.
    drop_reply_too_long,
}

impl LiveCounts {
    /// A command for one key was executed.
    #[inline]
    pub fn executed(&self, single: &Single) {
        if single.is_read() {
            self.executed_get.one();
        } else {
            self.executed_write.one();
        }
    }

    /// One key of a request for several was executed.
    pub(crate) fn executed_part(&self, single: &Single) {
        if single.is_scanned() {
            self.executed_scan_key.one();
        } else {
            self.executed_multi_key.one();
        }
    }

    /// What another thread asked for, a command for one key or one of several keys, was executed.
    pub(crate) fn executed_asked(&self, single: &Single) {
        if single.is_scanned() {
            self.executed_scan_key.one();
        } else {
            self.executed(single);
        }
    }
}

impl Counts {
    /// Commands for one key that were executed.
    pub fn executed_single(&self) -> u64 {
        self.executed_get + self.executed_write
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_and_subtract_by_name() {
        let live = LiveCounts::default();
        live.handoffs.add(5);
        let before = live.read();
        live.handoffs.one();
        live.misroutes.one();
        let delta = live.read().since(before);
        assert_eq!((delta.handoffs, delta.misroutes), (1, 1));
        assert_eq!(delta.plus(delta).handoffs, 2);
        assert!(delta.named().contains(&("handoffs", 1)));
    }

    #[test]
    fn two_threads_counters_never_share_a_cache_line() {
        assert_eq!(align_of::<LiveCounts>(), 128);
        assert_eq!(size_of::<LiveCounts>() % 128, 0);
    }
}
