//! The swept values of a trial, from the recorded column `swept`.

use std::cmp::Ordering;

use spec::{Bytes, Count, Duration, Share};

/// Swept values by name, in the order in which they were recorded; none without a sweep.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Swept(Vec<(String, Value)>);

/// A value, as text and, if it is one, as a number: bytes for sizes, nanoseconds for durations, percent for shares.
#[derive(Debug, Clone)]
struct Value {
    number: Option<f64>,
    text: String,
}

impl Swept {
    /// Reads `name value, name value`.
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split(", ").filter_map(|pair| pair.split_once(' '));
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), Value::parse(value)))
                .collect(),
        )
    }

    /// The names and the values that are numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&str, f64)> {
        let pairs = self.0.iter();
        pairs.filter_map(|(name, value)| Some((name.as_str(), value.number?)))
    }

    /// The value called `name`, as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        let found = pairs.find(|(other, _)| other == name);
        found.map(|(_, value)| value.text.as_str())
    }

    /// The values but those called `said`, for people.
    pub(super) fn describe(&self, said: &[&str]) -> Vec<String> {
        let rest = self
            .0
            .iter()
            .filter(|(name, _)| !said.contains(&name.as_str()));
        rest.map(|(name, value)| format!("{} {}", name.replace('_', " "), value.text))
            .collect()
    }
}

impl Value {
    fn parse(text: &str) -> Self {
        let plain = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let bytes = || Some(text.parse::<Bytes>().ok()?.get() as f64);
        let count = || Some(text.parse::<Count>().ok()?.get() as f64);
        let time = || Some(text.parse::<Duration>().ok()?.get() as f64);
        let share = || Some(text.parse::<Share>().ok()?.fraction() * 100.0);
        let number = plain.or_else(bytes).or_else(count).or_else(time);
        Self {
            number: number.or_else(share),
            text: text.to_owned(),
        }
    }
}

/// By number, then by text.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |value: &Self| value.number.unwrap_or(f64::INFINITY);
        number(self)
            .total_cmp(&number(other))
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbers_where_they_can_be_and_sorted_as_such() {
        let swept = Swept::parse("theta 0.99, value_size 1 KiB, keys 10 k, cost 2 us, engine log");
        let numbers: Vec<_> = swept.numbers().collect();
        assert_eq!(
            numbers,
            [
                ("theta", 0.99),
                ("value_size", 1024.0),
                ("keys", 10_000.0),
                ("cost", 2000.0)
            ]
        );
        let shares = Swept::parse("loss 1 %, other 25000 ppm");
        let shares: Vec<_> = shares.numbers().map(|(_, percent)| percent).collect();
        assert_eq!(shares, [1.0, 2.5]);
        assert!(Swept::parse("flows 8") < Swept::parse("flows 64"));
        assert_eq!(
            swept.describe(&["theta", "keys"]),
            ["value size 1 KiB", "cost 2 us", "engine log"]
        );
        assert_eq!(swept.text("engine"), Some("log"));
        assert_eq!(swept.text("owners"), None);
        assert_eq!(Swept::parse(""), Swept::default());
    }
}
