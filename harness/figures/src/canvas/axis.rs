//! Axes: a range, its scale, and readable ticks.

/// How values are laid along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
    /// Named rows, the first one on top.
    Rows,
}

/// A tick; one without a label is minor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: Option<String>,
}

/// One axis of a panel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) title: String,
    pub(crate) ticks: Vec<Tick>,
    scale: Scale,
    low: f64,
    high: f64,
}

impl Axis {
    /// From `low` to `high`, at round values as many labelled ticks as fit, up to one more than
    /// `wanted`.
    pub(crate) fn linear(title: impl Into<String>, low: f64, high: f64, wanted: usize) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let step = round_step(low, high, wanted.max(1));
        let (first, last) = whole_steps(low, high, step);
        let decimals = (0..9)
            .find(|&d| is_whole(step * 10f64.powi(d)))
            .unwrap_or(9) as usize;
        let tick = |i: i64| {
            let value = i as f64 * step;
            Tick {
                value,
                label: Some(number(value, decimals)),
            }
        };
        let ticks = (first..=last).map(tick).collect();
        Self {
            title: title.into(),
            ticks,
            scale: Scale::Linear,
            low,
            high,
        }
    }

    /// A logarithmic axis that covers `low` to `high`, both positive, widened to 1, 2 or 5 times a
    /// power of ten.
    pub(crate) fn log(title: impl Into<String>, low: f64, high: f64) -> Self {
        let (low, high) = (round_down(low), round_up(high.max(low * 1.01)));
        let decades = (high / low).log10();
        let mut ticks = Vec::new();
        for exponent in low.log10().floor() as i32..=high.log10().ceil() as i32 {
            for digit in 1..10u8 {
                let value = f64::from(digit) * 10f64.powi(exponent);
                if value < low * 0.999 || value > high * 1.001 {
                    continue;
                }
                let shown = digit == 1 || (decades < 2.5 && matches!(digit, 2 | 5));
                let decimals = usize::try_from(-exponent).unwrap_or(0);
                ticks.push(Tick {
                    value,
                    label: shown.then(|| number(value, decimals)),
                });
            }
        }
        Self {
            title: title.into(),
            ticks,
            scale: Scale::Log,
            low,
            high,
        }
    }

    /// One row for each name; row `i` is centred at the value `i`.
    pub(crate) fn rows(names: impl IntoIterator<Item = String>) -> Self {
        let tick = |(i, name)| Tick {
            value: i as f64,
            label: Some(name),
        };
        let ticks: Vec<_> = names.into_iter().enumerate().map(tick).collect();
        let high = ticks.len() as f64 - 0.5;
        Self {
            title: String::new(),
            ticks,
            scale: Scale::Rows,
            low: -0.5,
            high,
        }
    }

    /// The same axis without labels, for a panel beside one that shows them.
    pub(crate) fn unlabelled(mut self) -> Self {
        self.title.clear();
        self.ticks.iter_mut().for_each(|t| t.label = None);
        self
    }

    /// Whether ticks name rows.
    pub(crate) fn is_rows(&self) -> bool {
        self.scale == Scale::Rows
    }

    /// Where `value` lies: 0 at the low end (below or left), 1 at the high end.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let linear = |v: f64, low: f64, high: f64| (v - low) / (high - low);
        match self.scale {
            Scale::Linear => linear(value, self.low, self.high).clamp(0.0, 1.0),
            Scale::Log => {
                let value = value.max(self.low);
                linear(value.log10(), self.low.log10(), self.high.log10()).min(1.0)
            }
            Scale::Rows => 1.0 - linear(value, self.low, self.high),
        }
    }
}

/// The first and the last multiple of `step` from `low` to `high`.
fn whole_steps(low: f64, high: f64, step: f64) -> (i64, i64) {
    (
        (low / step - 1e-9).ceil() as i64,
        (high / step + 1e-9).floor() as i64,
    )
}

/// The smallest of 1, 2, 2.5 and 5 times a power of ten with at most one multiple more than `wanted`
/// from `low` to `high`.
fn round_step(low: f64, high: f64, wanted: usize) -> f64 {
    let power = 10f64.powf(((high - low) / wanted as f64).log10().floor() - 1.0);
    let leads = [1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0];
    leads
        .into_iter()
        .map(|lead| lead * power)
        // Among whole numbers it would bring halves.
        .filter(|step| (step - 2.5).abs() > 1e-9)
        .find(|&step| {
            let (first, last) = whole_steps(low, high, step);
            last - first <= wanted as i64
        })
        .unwrap_or(100.0 * power)
}

fn is_whole(value: f64) -> bool {
    (value - value.round()).abs() < 1e-6 && value.round() >= 1.0
}

fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let leads = [1.0, 2.0, 5.0];
    leads
        .into_iter()
        .map(|l| l * power)
        .find(|&v| v >= value * 0.999)
        .unwrap_or(10.0 * power)
}

fn round_down(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let leads = [5.0, 2.0, 1.0];
    leads
        .into_iter()
        .map(|l| l * power)
        .find(|&v| v <= value * 1.001)
        .unwrap_or(power)
}

/// A number with its thousands apart.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        let starts_group = (whole.len() - i).is_multiple_of(3);
        if i > 0 && starts_group && whole.len() > 4 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{grouped}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks
            .iter()
            .filter_map(|t| t.label.as_deref())
            .collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(
            labels(&Axis::linear("", 0.0, 310.0, 4)),
            ["0", "100", "200", "300"]
        );
        assert_eq!(
            labels(&Axis::linear("", 0.0, 1.0, 5)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(
            labels(&Axis::linear("", 0.0, 0.01, 4)),
            ["0.0000", "0.0025", "0.0050", "0.0075", "0.0100"]
        );
        // A step of 0.5 would leave 1.0 alone.
        assert_eq!(
            labels(&Axis::linear("", 0.63, 1.40, 3)),
            ["0.8", "1.0", "1.2", "1.4"]
        );
    }

    #[test]
    fn log_ticks_are_decades_and_widen_the_range() {
        let axis = Axis::log("", 0.012, 900.0);
        assert_eq!(labels(&axis), ["0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!((axis.low, axis.high), (0.01, 1000.0));
        assert_eq!(
            labels(&Axis::log("", 3.0, 40.0)),
            ["2", "5", "10", "20", "50"]
        );
        assert!((axis.share(3.1623) - 0.5).abs() < 1e-4);
        assert_eq!(axis.share(1000.0), 1.0);
    }

    #[test]
    fn rows_run_downwards() {
        let axis = Axis::rows(["a".into(), "b".into()]);
        assert_eq!((axis.share(0.0), axis.share(1.0)), (0.75, 0.25));
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(number(1_234_567.0, 0), "1 234 567");
        assert_eq!(number(1000.0, 0), "1000");
        assert_eq!(number(-12_000.5, 1), "-12 000.5");
    }
}
