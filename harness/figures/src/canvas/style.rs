//! Colours, dashes and markers, chosen to be told apart without colour vision and in print.

/// A colour as red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rgb(pub(crate) u8, pub(crate) u8, pub(crate) u8);

impl Rgb {
    pub(crate) const INK: Self = Self(0x22, 0x22, 0x22);
    pub(crate) const MUTED: Self = Self(0x5c, 0x5c, 0x5c);
    pub(crate) const AXIS: Self = Self(0x8a, 0x8a, 0x8a);
    pub(crate) const GRID: Self = Self(0xe4, 0xe4, 0xe4);
    pub(crate) const BAND: Self = Self(0xf3, 0xf3, 0xf3);
    pub(crate) const PAPER: Self = Self(0xff, 0xff, 0xff);
    /// The papers' values, drawn into our figures.
    pub(crate) const REFERENCE: Self = Self(0x8c, 0x1c, 0x13);

    /// Halfway to the paper: for what stands behind a line of this colour.
    pub(crate) fn pale(self) -> Self {
        let (Self(red, green, blue), paper) = (self, Self::PAPER);
        Self(
            u8::midpoint(red, paper.0),
            u8::midpoint(green, paper.1),
            u8::midpoint(blue, paper.2),
        )
    }
}

/// Okabe and Ito, "Color Universal Design" (2008); the yellow, too faint for lines on white, is
/// replaced by a brown of similar distance to the others.
const PALETTE: [Rgb; 8] = [
    Rgb(0x00, 0x72, 0xb2),
    Rgb(0xd5, 0x5e, 0x00),
    Rgb(0x00, 0x9e, 0x73),
    Rgb(0xcc, 0x79, 0xa7),
    Rgb(0x33, 0x33, 0x33),
    Rgb(0x56, 0xb4, 0xe9),
    Rgb(0xe6, 0x9f, 0x00),
    Rgb(0x7a, 0x52, 0x30),
];

/// The `index`th colour; they repeat after eight, where markers differ.
pub(crate) fn colour(index: usize) -> Rgb {
    PALETTE[index % PALETTE.len()]
}

/// How a line is broken; lengths in canvas units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dash {
    Solid,
    Long,
    Dots,
    Mixed,
}

impl Dash {
    const ALL: [Self; 4] = [Self::Solid, Self::Long, Self::Dots, Self::Mixed];

    /// The `index`th style; they repeat after four.
    pub(crate) fn nth(index: usize) -> Self {
        Self::ALL[index % Self::ALL.len()]
    }

    /// Alternating lengths of ink and gap; empty for a line without gaps.
    pub(crate) fn pattern(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Long => &[9.0, 5.0],
            Self::Dots => &[2.2, 4.0],
            Self::Mixed => &[10.0, 4.0, 2.2, 4.0],
        }
    }
}

/// A marker's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Square,
    Up,
    Diamond,
    Down,
    Pentagon,
    Left,
    Star,
}

impl Marker {
    const ALL: [Self; 8] = [
        Self::Circle,
        Self::Square,
        Self::Up,
        Self::Diamond,
        Self::Down,
        Self::Pentagon,
        Self::Left,
        Self::Star,
    ];

    /// The `index`th marker. After eight, when the colours repeat, the order shifts by one, so
    /// that colour and marker together stay distinct.
    pub(crate) fn nth(index: usize) -> Self {
        Self::ALL[(index + index / Self::ALL.len()) % Self::ALL.len()]
    }

    /// The corners around the origin for a marker of `radius`.
    pub(crate) fn corners(self, radius: f64) -> Vec<(f64, f64)> {
        let around = |sides: u32, turn: f64, r: &dyn Fn(u32) -> f64| {
            (0..sides)
                .map(|i| {
                    let angle = (f64::from(i) / f64::from(sides) + turn) * std::f64::consts::TAU;
                    (r(i) * angle.cos(), r(i) * angle.sin())
                })
                .collect()
        };
        match self {
            Self::Circle => around(24, 0.0, &|_| radius),
            Self::Square => around(4, 0.125, &|_| radius * 1.25),
            Self::Up => around(3, -0.25, &|_| radius * 1.35),
            Self::Diamond => around(4, 0.0, &|_| radius * 1.3),
            Self::Down => around(3, 0.25, &|_| radius * 1.35),
            Self::Pentagon => around(5, -0.25, &|_| radius * 1.15),
            Self::Left => around(3, 0.5, &|_| radius * 1.35),
            Self::Star => around(10, -0.25, &|i| {
                if i % 2 == 0 {
                    radius * 1.5
                } else {
                    radius * 0.65
                }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_and_marker_together_are_distinct() {
        let seen: Vec<_> = (0..32).map(|i| (colour(i), Marker::nth(i))).collect();
        for (i, a) in seen.iter().enumerate() {
            assert!(!seen[..i].contains(a), "style {i} repeats");
        }
    }
}
