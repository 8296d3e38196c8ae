//! Exact parsing and printing of a number with a unit.

use thiserror::Error;

/// A unit's name and how many base units it holds; the empty name is a bare number. The base unit stands before those that are
/// made of it.
pub(super) struct Unit {
    pub(super) name: &'static str,
    pub(super) factor: u64,
}

/// Why a text is no quantity; each message says what would be one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnitError {
    /// The text does not begin with a decimal number.
    #[error("`{text}` is not {what}: write a number and a unit, such as `{example}`")]
    NotANumber {
        /// The offending text.
        text: String,
        /// The quantity that was expected.
        what: &'static str,
        /// A text that would do.
        example: &'static str,
    },
    /// The number stands alone but its quantity needs a unit.
    #[error("`{text}` has no unit: {what} is written like `{example}` (units: {units})")]
    NoUnit {
        /// The offending text.
        text: String,
        /// The quantity that was expected.
        what: &'static str,
        /// A text that would do.
        example: &'static str,
        /// The units allowed.
        units: String,
    },
    /// The unit is none of this quantity's.
    #[error("`{text}`: `{unit}` is no unit of {what} (units: {units})")]
    UnknownUnit {
        /// The offending text.
        text: String,
        /// The unit found in it.
        unit: String,
        /// The quantity that was expected.
        what: &'static str,
        /// The units allowed.
        units: String,
    },
    /// The value falls between two base units, or beyond 64 bits.
    #[error("`{text}` is not a whole number of `{base}` within 64 bits")]
    NotWhole {
        /// The offending text.
        text: String,
        /// The base unit.
        base: &'static str,
    },
}

/// Parses `text` as a decimal number, optional blanks and a unit; the number in base units, and the base unit's name.
pub(super) fn parse(
    text: &str,
    what: &'static str,
    example: &'static str,
    units: &'static [Unit],
) -> Result<(u64, &'static str), UnitError> {
    let trimmed = text.trim();
    let split = trimmed
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(trimmed.len());
    let (number, unit) = (&trimmed[..split], trimmed[split..].trim_start());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
        return Err(UnitError::NotANumber {
            text: text.to_owned(),
            what,
            example,
        });
    }
    let Some(found) = units.iter().position(|known| known.name == unit) else {
        let names = units
            .iter()
            .map(|unit| unit.name)
            .filter(|name| !name.is_empty());
        let allowed = names.collect::<Vec<_>>().join(", ");
        return Err(if unit.is_empty() {
            UnitError::NoUnit {
                text: text.to_owned(),
                what,
                example,
                units: allowed,
            }
        } else {
            let (text, unit) = (text.to_owned(), unit.to_owned());
            UnitError::UnknownUnit {
                text,
                unit,
                what,
                units: allowed,
            }
        });
    };
    let (unit, before) = (&units[found], &units[..=found]);
    let base = before.iter().rfind(|unit| unit.factor == 1);
    let base = base.map_or("", |base| base.name);
    let value = exact(whole, fraction, unit.factor).ok_or_else(|| UnitError::NotWhole {
        text: text.to_owned(),
        base: if base.is_empty() { "1" } else { base },
    })?;
    Ok((value, base))
}

/// `whole.fraction * factor`, when that is a whole number within 64 bits.
fn exact(whole: &str, fraction: &str, factor: u64) -> Option<u64> {
    let fraction = fraction.trim_end_matches('0');
    let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits = |text: &str| {
        if text.is_empty() {
            Some(0)
        } else {
            text.parse::<u128>().ok()
        }
    };
    let scaled = digits(whole)?
        .checked_mul(scale)?
        .checked_add(digits(fraction)?)?;
    let product = scaled.checked_mul(u128::from(factor))?;
    (product % scale == 0).then(|| u64::try_from(product / scale).ok())?
}

/// The shortest exact text: the largest unit that divides the value.
pub(super) fn print(value: u64, units: &[Unit]) -> String {
    let fits = |unit: &&Unit| unit.factor == 1 || (value != 0 && value.is_multiple_of(unit.factor));
    match units.iter().rev().find(fits) {
        Some(unit) if !unit.name.is_empty() => format!("{} {}", value / unit.factor, unit.name),
        _ => value.to_string(),
    }
}
