//! What the programs that answer requests count, beside what every program counts
//! ([`crate::layout`]). The numbers are places behind [`crate::layout::COUNTER_REDIRECTED`].

/// What a program did with a request. Each request moves exactly one of these counters, or one of
/// the drop reasons', or is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Outcome {
    /// A get was answered with its value, or a call with the response that was kept.
    Hit = 0,
    /// A get was answered: there is no such key.
    Miss = 1,
    /// A set was executed and answered.
    Stored = 2,
    /// A set was executed; its client wants no reply.
    StoredQuietly = 3,
    /// A set was answered: key, value or number of keys is beyond the limits.
    NoRoom = 4,
    /// A command that is not understood here was answered so.
    NotUnderstood = 5,
    /// Dropped: the frame has VLAN tags or IPv4 options, and no reply is made for such.
    Wrapped = 6,
    /// Dropped: the reply found no room in the frame.
    NoHeadroom = 7,
    /// Dropped: two keys have one hash.
    Collision = 8,
    /// A get, or a call whose response may be kept, went on to the server.
    GetPassed = 9,
    /// A write of one key went on to the server.
    WritePassed = 10,
    /// A command that can change any key went on to the server.
    OtherPassed = 11,
    /// Of those counted by [`GetPassed`](Self::GetPassed): what was cached had been written since.
    Stale = 12,
    /// Something else that changes nothing went on to the server: a get of several keys, of another protocol or
    /// of a key that no item has room for, what has no key, and a call whose response is not kept.
    ReadPassed = 13,
    /// Of those counted by [`GetPassed`](Self::GetPassed): what was cached had expired.
    Expired = 14,
}

impl Outcome {
    /// Every outcome, in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::Hit,
        Self::Miss,
        Self::Stored,
        Self::StoredQuietly,
        Self::NoRoom,
        Self::NotUnderstood,
        Self::Wrapped,
        Self::NoHeadroom,
        Self::Collision,
        Self::GetPassed,
        Self::WritePassed,
        Self::OtherPassed,
        Self::Stale,
        Self::ReadPassed,
        Self::Expired,
    ];

    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hits",
            Self::Miss => "misses",
            Self::Stored => "stored",
            Self::StoredQuietly => "stored_quietly",
            Self::NoRoom => "no_room",
            Self::NotUnderstood => "not_understood",
            Self::Wrapped => "wrapped",
            Self::NoHeadroom => "no_headroom",
            Self::Collision => "collision",
            Self::GetPassed => "gets_passed",
            Self::WritePassed => "writes_passed",
            Self::OtherPassed => "others_passed",
            Self::Stale => "stale",
            Self::ReadPassed => "reads_passed",
            Self::Expired => "expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_and_names_differ() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place);
            let before = &Outcome::ALL[..place];
            assert!(before.iter().all(|other| other.name() != outcome.name()));
        }
    }
}
