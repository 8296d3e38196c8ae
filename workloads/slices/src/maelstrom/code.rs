//! The parameters of the code.

use super::header::{MAX_GROUP, MAX_LAYERS};

/// Longest span of a group, in packets: it bounds what a decoder keeps.
const MAX_SPAN: u32 = 16_384;
/// Longest frame without its addresses that a length in the header and a chunk of memory hold, in bytes.
const MAX_TEXT: usize = 9216;

/// How many packets make a group, and how the layers spread them. Both ends have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Packets of a group: Maelstrom's r.
    pub group: u8,
    /// Interleave of each layer, in packets. There are c of them.
    pub interleaves: Vec<u16>,
    /// Longest frame that is protected, without its link addresses, in bytes.
    pub longest: usize,
}

/// Why there is no such code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCode {
    /// Groups of one packet are copies.
    #[error("groups of {0} packets: use 2 to {MAX_GROUP}")]
    Group(u8),
    /// No layer, or more than the header can tell.
    #[error("{0} layers: use 1 to {MAX_LAYERS}")]
    Layers(usize),
    /// Two layers of one interleave send the same repairs.
    #[error("interleaves {0:?}: they must be at least 1 and grow from layer to layer")]
    Interleaves(Vec<u16>),
    /// A decoder would have to keep too much.
    #[error(
        "groups of {group} packets over an interleave of {interleave} span more than {MAX_SPAN} packets: lower either"
    )]
    Span {
        /// Packets of a group.
        group: u8,
        /// The largest interleave.
        interleave: u16,
    },
    /// No frame is so short or so long.
    #[error("frames of {0} bytes: use 64 to {MAX_TEXT}")]
    Longest(usize),
}

impl Default for Code {
    /// NetSlices' r = 8 and c = 3, with interleaves 1, 10, 100, for frames that fit a chunk of 2 KiB.
    fn default() -> Self {
        Self {
            group: 8,
            interleaves: vec![1, 10, 100],
            longest: 1700,
        }
    }
}

impl Code {
    /// Whether the code can be.
    ///
    /// # Errors
    /// Why not, with the remedy.
    pub fn check(&self) -> Result<(), BadCode> {
        if !(2..=MAX_GROUP).contains(&self.group) {
            return Err(BadCode::Group(self.group));
        }
        if !(1..=MAX_LAYERS).contains(&self.interleaves.len()) {
            return Err(BadCode::Layers(self.interleaves.len()));
        }
        if self.interleaves[0] == 0 || !self.interleaves.is_sorted_by(|one, next| one < next) {
            return Err(BadCode::Interleaves(self.interleaves.clone()));
        }
        if self.span() > MAX_SPAN {
            return Err(BadCode::Span {
                group: self.group,
                interleave: self.widest(),
            });
        }
        if !(64..=MAX_TEXT).contains(&self.longest) {
            return Err(BadCode::Longest(self.longest));
        }
        Ok(())
    }

    /// The largest interleave, in packets.
    #[must_use]
    pub fn widest(&self) -> u16 {
        self.interleaves.last().copied().unwrap_or(0)
    }

    /// Packets from the first to the last of the widest group, those of other groups between them included.
    #[must_use]
    pub fn span(&self) -> u32 {
        u32::from(self.group) * u32::from(self.widest())
    }

    /// Packets that a decoder keeps: the widest group, and as many again for what comes out of order.
    pub(crate) fn window(&self) -> usize {
        (2 * self.span() as usize).next_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_papers_and_others_are_checked() {
        let code = Code::default();
        assert_eq!(code.check(), Ok(()));
        assert_eq!((code.group, code.interleaves.len()), (8, 3));
        assert_eq!((code.span(), code.window()), (800, 2048));
        let refused = |change: fn(&mut Code)| {
            let mut code = Code::default();
            change(&mut code);
            code.check().unwrap_err()
        };
        assert_eq!(refused(|code| code.group = 1), BadCode::Group(1));
        assert_eq!(refused(|code| code.interleaves.clear()), BadCode::Layers(0));
        for interleaves in [vec![0, 1], vec![1, 1], vec![10, 1]] {
            let code = Code {
                interleaves: interleaves.clone(),
                ..Code::default()
            };
            assert_eq!(code.check(), Err(BadCode::Interleaves(interleaves)));
        }
        let span = refused(|code| code.interleaves = vec![1, 4000]);
        assert!(matches!(span, BadCode::Span { .. }));
        assert_eq!(refused(|code| code.longest = 63), BadCode::Longest(63));
    }
}
