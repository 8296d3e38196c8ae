//! Which losses the code repairs, by its equations alone.
//!
//! Each repair that arrived is an equation: the XOR of its packets. An equation with one unknown gives it; that may leave
//! another with one unknown; and so on until none has exactly one. The order does not matter to what is found.
//!
//! Of a layer of interleave i follows: when no more than i packets in a row are lost, and all other packets and that layer's
//! repairs arrive, all of them are recovered, for no group lacks two. It is tight: of i + 1 in a row the first and the last
//! are in one group, unless a group ends between them. A repair leaves right behind its group's last packet, so a burst can
//! take both; other layers may still have that packet.

use std::collections::BTreeSet;

use super::Group;

/// The packets that `repairs` give beyond those that arrived, by peeling.
#[must_use]
pub fn peeled(arrived: &BTreeSet<u32>, repairs: &[Group]) -> BTreeSet<u32> {
    let mut known = arrived.clone();
    loop {
        let before = known.len();
        for group in repairs {
            let mut unknown = group.members().filter(|member| !known.contains(member));
            if let (Some(only), None) = (unknown.next(), unknown.next()) {
                known.insert(only);
            }
        }
        if known.len() == before {
            return known.difference(arrived).copied().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(layer: u8, first: u32, interleave: u16, count: u8) -> Group {
        Group {
            layer,
            first,
            interleave,
            count,
        }
    }

    /// A square of 3 x 3 packets with its rows and columns: a diagonal of losses falls at once, an L of three needs two
    /// steps, a rectangle of four is beyond it.
    #[test]
    fn a_square_by_rows_and_columns() {
        let rows = (0..3).map(|row| group(0, 3 * row, 1, 3));
        let columns = (0..3).map(|column| group(1, column, 3, 3));
        let repairs: Vec<Group> = rows.chain(columns).collect();
        let found = |lost: &[u32]| {
            let arrived = (0..9).filter(|number| !lost.contains(number)).collect();
            peeled(&arrived, &repairs).into_iter().collect::<Vec<_>>()
        };
        assert!(found(&[]).is_empty());
        assert_eq!(found(&[0, 4, 8]), [0, 4, 8]);
        assert_eq!(found(&[0, 1, 3]), [0, 1, 3]);
        assert!(found(&[0, 1, 3, 4]).is_empty());
        assert_eq!(found(&[0, 1, 3, 4, 8]), [8]);
    }

    #[test]
    fn a_burst_as_long_as_the_interleave_takes_one_of_each_group() {
        let repairs: Vec<Group> = (0..10).map(|first| group(0, first, 10, 8)).collect();
        for start in 0..70 {
            for len in 1..=11_u32 {
                let lost = start..start + len;
                let arrived = (0..80).filter(|number| !lost.contains(number)).collect();
                let found = peeled(&arrived, &repairs).len();
                let expected = if len <= 10 { len } else { 9 };
                if lost.end <= 80 {
                    assert_eq!(found, expected as usize, "{len} from {start}");
                }
            }
        }
    }
}
