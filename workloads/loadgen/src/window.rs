//! The requests of one flow by request id.
//!
//! Ids count up and wrap, so that the slots of a flow are a queue and finding one is a subtraction.
//! A slot outlives its request: an answered one to recognise duplicates, a timed-out one to
//! recognise late replies. An id is used again only after its slot was forgotten.

use std::collections::VecDeque;

/// Requests that one flow can await: half of the ids, so that a reply to a forgotten request cannot pass for one to a newer request
/// until as many requests again were sent.
pub(crate) const MOST_AWAITED: usize = 1 << 15;

/// Where a sent request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Awaited.
    Pending,
    /// Answered within the timeout.
    Answered,
    /// The timeout passed.
    TimedOut,
    /// Answered after the timeout.
    Late,
    /// No reply is expected.
    NoReply,
}

/// A sent request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// When it was sent, ns.
    pub(crate) sent_ns: u64,
    /// Its index in the schedule.
    pub(crate) request: u32,
    /// Where it stands.
    pub(crate) state: State,
    /// Some datagrams of the reply came, but not all so far.
    pub(crate) begun: bool,
    /// Which part of a request it is that was sent as several.
    pub(crate) part: Option<u8>,
}

/// The remembered requests of one flow.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// How many requests were forgotten: the first slot's is the next one.
    first: u64,
    slots: VecDeque<Slot>,
}

impl Window {
    /// The number of the next request, which counts the flow's from 0 on; `None` when all ids are in
    /// use. Its id is the lower half.
    pub(crate) fn next_number(&self) -> Option<u64> {
        (self.slots.len() < MOST_AWAITED).then(|| self.first + self.slots.len() as u64)
    }

    /// Whether `id` is that of the remembered request of this number.
    pub(crate) fn remembers(&self, id: u16, number: u64) -> bool {
        let sent = self.first + self.slots.len() as u64;
        (self.first..sent).contains(&number) && number as u16 == id
    }

    /// Enters the request whose number [`next_number`](Self::next_number) gave.
    pub(crate) fn push(&mut self, slot: Slot) {
        debug_assert!(self.slots.len() < MOST_AWAITED);
        self.slots.push_back(slot);
    }

    /// The slot of `id`.
    pub(crate) fn get_mut(&mut self, id: u16) -> Option<&mut Slot> {
        self.slots
            .get_mut(usize::from(id.wrapping_sub(self.first as u16)))
    }

    /// Forgets the oldest slot when `may_forget` allows it, and returns it with its id.
    pub(crate) fn forget(&mut self, may_forget: impl Fn(&Slot) -> bool) -> Option<(u16, Slot)> {
        let slot = self.slots.pop_front_if(|slot| may_forget(slot))?;
        let id = self.first as u16;
        self.first += 1;
        Some((id, slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Slot = Slot {
        sent_ns: 0,
        request: 0,
        state: State::Pending,
        begun: false,
        part: None,
    };

    #[test]
    fn ids_wrap_and_still_find_their_slots() {
        let mut window = Window::default();
        for request in 0..200_000u32 {
            let id = window.next_number().unwrap() as u16;
            assert_eq!(id, request as u16);
            assert_eq!(window.next_number(), Some(u64::from(request)));
            window.push(Slot { request, ..SLOT });
            if request >= 100 {
                let (id, slot) = window.forget(|_| true).unwrap();
                assert_eq!((id, slot.request), ((request - 100) as u16, request - 100));
            }
            let middle = (request - request.min(50)) as u16;
            assert_eq!(window.get_mut(middle).unwrap().request as u16, middle);
            let number = u64::from(request - request.min(50));
            assert!(window.remembers(middle, number));
            assert!(!window.remembers(middle, number + 65_536));
            assert!(!window.remembers(middle, number.wrapping_sub(65_536)));
            assert!(!window.remembers(middle.wrapping_add(1), number));
        }
        assert!(
            window
                .get_mut(window.next_number().unwrap() as u16)
                .is_none()
        );
    }

    #[test]
    fn a_full_window_gives_no_id_until_one_is_forgotten() {
        let mut window = Window::default();
        while window.next_number().is_some() {
            window.push(SLOT);
        }
        assert!(window.forget(|_| false).is_none());
        assert!(window.next_number().is_none());
        assert_eq!(window.forget(|_| true).unwrap().0, 0);
        assert_eq!(window.next_number(), Some(MOST_AWAITED as u64));
    }
}
