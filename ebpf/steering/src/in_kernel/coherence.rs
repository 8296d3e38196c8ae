//! When a cached value may still be given out.
//!
//! **Clocks.** Keys are spread over [`CLOCKS`] clocks by their hashes, and one more clock belongs to all
//! keys. The program in the path advances the clock of a write before it lets the write on to the
//! server: what writes one key advances that key's clock, what may write any advances the one of all keys
//! ([`super::effect`]). A cached item holds the sum of its two clocks at the time when its value was read from the
//! server, and is given out only while the sum is still the same. (Both only grow, so an equal sum means
//! that neither moved.) A write thus invalidates every cached item that it could concern by one addition.
//!
//! **Filling.** The server advances a second set of the same clocks when it has executed a write. Who
//! fills the cache reads the path's clocks, finds the server's equal (no write that has passed is still
//! under way), then reads the value from the server, and stores it with the sum that it read first. A
//! write that passes meanwhile has advanced a clock, so that the item is never given out.
//!
//! **Filling by who executes.** A cache of responses is filled without a look at the path's clocks. The thread that
//! executes a call reads the server's first, and the response is kept with their sum. What has been executed has
//! passed before, so the path's sum is never behind the server's. While it is still the one that was read, no
//! write that had passed was under way then, and none has passed since.
//!
//! **Why a client that has seen the reply to a set never reads an older value.** Let a set have been
//! answered. Then it had passed the path's program, which had advanced the clock. A get sent after the
//! reply meets that clock. If an item is given out, its sum is at least as large as that, so its value was
//! read from the server after the clocks were found equal, that is after the set had been executed, and
//! is the set's or a later one's. If none is, the get goes to the server, which has executed the set. A
//! value that is read from the cache and then from the server does not go back either: the server
//! had executed all that the cache showed.
//!
//! **Where the program may stand.** The argument asks for two things: that every request passes the program before
//! the server executes it, and that who fills the cache reads the server's clocks of what has been executed. So it
//! holds alike on the server's device and on a switch, as long as there is no other way to the server.
//!
//! A write that is lost between the program and the server leaves its clocks unequal for good: its keys
//! are not cached again. That is safe, and counted.

/// Clocks of keys.
pub const CLOCKS: usize = 1 << 16;
/// The clock of all keys, behind those.
pub const EVERY_KEY: u32 = CLOCKS as u32;
/// Clocks in all.
pub const ALL_CLOCKS: usize = CLOCKS + 1;

/// The clock of a key.
#[inline(always)]
#[must_use]
pub const fn clock_of(hash: u64) -> u32 {
    (hash >> 16) as u32 % CLOCKS as u32
}
