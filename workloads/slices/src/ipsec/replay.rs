//! The anti-replay window (RFC 4303, section 3.4.3).

/// Why a sequence number is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It was accepted before, or is 0, which nobody sends.
    Duplicate,
    /// It lies left of the window, where nobody knows any more.
    TooOld,
}

/// Which of the latest sequence numbers were accepted.
///
/// The bits stand in a ring of words with room for one more word than the window has, so that it moves by
/// clearing whole words and nothing is shifted (RFC 6479).
#[derive(Debug, Clone)]
pub struct Window {
    highest: u32,
    size: u32,
    seen: Box<[u64]>,
}

impl Window {
    /// A window over `size` numbers, at least 1.
    #[must_use]
    pub fn new(size: u32) -> Self {
        let words = size.div_ceil(u64::BITS) as usize + 1;
        Self {
            highest: 0,
            size,
            seen: vec![0; words.next_power_of_two()].into(),
        }
    }

    /// Whether the number may still be accepted. The window does not move: that is for
    /// [`accept`](Self::accept), once the packet is known to be genuine.
    ///
    /// # Errors
    /// The reason why not.
    pub fn check(&self, number: u32) -> Result<(), Replay> {
        if number == 0 {
            return Err(Replay::Duplicate);
        }
        if number > self.highest {
            return Ok(());
        }
        if self.highest - number >= self.size {
            return Err(Replay::TooOld);
        }
        let (word, bit) = self.place(number);
        if self.seen[word] & bit == 0 {
            Ok(())
        } else {
            Err(Replay::Duplicate)
        }
    }

    /// Notes a number that [`check`](Self::check) let pass.
    pub fn accept(&mut self, number: u32) {
        if number > self.highest {
            let (old, new) = (self.highest / u64::BITS, number / u64::BITS);
            let stale = (new - old).min(self.seen.len() as u32);
            for word in 0..stale {
                let at = self.ring(new - word);
                self.seen[at] = 0;
            }
            self.highest = number;
        }
        let (word, bit) = self.place(number);
        self.seen[word] |= bit;
    }

    const fn ring(&self, word: u32) -> usize {
        word as usize & (self.seen.len() - 1)
    }

    const fn place(&self, number: u32) -> (usize, u64) {
        (self.ring(number / u64::BITS), 1 << (number % u64::BITS))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The window by its definition: all that was accepted, and the highest of it.
    #[derive(Default)]
    struct Model {
        accepted: BTreeSet<u32>,
    }

    impl Model {
        fn check(&self, size: u32, number: u32) -> Result<(), Replay> {
            let highest = self.accepted.last().copied().unwrap_or(0);
            if number == 0 {
                Err(Replay::Duplicate)
            } else if u64::from(number) + u64::from(size) <= u64::from(highest) {
                Err(Replay::TooOld)
            } else if self.accepted.contains(&number) {
                Err(Replay::Duplicate)
            } else {
                Ok(())
            }
        }
    }

    fn steps() -> impl Strategy<Value = Vec<i64>> {
        let step = prop_oneof![
            8 => -5_i64..10,
            3 => -200_i64..200,
            1 => -3000_i64..100_000,
        ];
        prop::collection::vec(step, 1..300)
    }

    proptest! {
        #[test]
        fn the_window_is_its_definition(size in 1_u32..300, start in prop::sample::select(vec![0, 1, 64, u32::MAX - 500]), steps in steps()) {
            let (mut window, mut model) = (Window::new(size), Model::default());
            let mut at = i64::from(start);
            for step in steps {
                at = (at + step).clamp(0, i64::from(u32::MAX));
                let number = at as u32;
                let expected = model.check(size, number);
                prop_assert_eq!(window.check(number), expected, "{} of {}", number, size);
                if expected.is_ok() {
                    window.accept(number);
                    model.accepted.insert(number);
                }
            }
        }
    }

    #[test]
    fn checking_moves_nothing() {
        let mut window = Window::new(64);
        window.accept(1);
        window.check(1_000_000).unwrap();
        window.check(2).unwrap();
    }
}
