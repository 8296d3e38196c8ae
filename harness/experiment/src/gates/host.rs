//! What a reader must know about the machine as a whole: advice, once a run.

use record::Smell;
use sys::environment::{Environment, Reading};

use crate::agents::settings::AUTOGROUP;

/// Clock sources that user space reads without a system call.
const FAST_CLOCKS: [&str; 5] = [
    "tsc",
    "kvm-clock",
    "hyperv_clocksource_tsc_page",
    "arch_sys_counter",
    "riscv_clocksource",
];

/// Frequency scaling, mitigations, groups of sessions, clock source.
pub(crate) fn advice(machine: &Environment) -> Vec<Smell> {
    let frequency = &machine.frequency;
    let governors = frequency.governors.known().map(Vec::as_slice);
    let scaling = frequency_scaling(governors, frequency.turbo.known().copied());
    let states = machine.mitigations.known().into_iter().flatten();
    let mitigated = mitigations(states.map(|(name, state)| (name.as_str(), state.as_str())));
    let clock = machine
        .clocksource
        .known()
        .and_then(|source| clock_source(source));
    let grouping = machine.settings.get(AUTOGROUP).and_then(Reading::known);
    let grouped = grouping.and_then(|value| session_groups(value));
    [scaling, mitigated, grouped, clock]
        .into_iter()
        .flatten()
        .collect()
}

/// A governor that follows the load, or turbo: the first trial of a block and the last run at
/// different speeds. Where the kernel has no say in the frequency, as in most guests, it cannot know.
fn frequency_scaling(governors: Option<&[String]>, turbo: Option<bool>) -> Option<Smell> {
    let governors = governors.unwrap_or_default();
    let follows = governors.iter().any(|governor| governor != "performance");
    if !follows && turbo != Some(true) {
        return None;
    }
    let turbo = match turbo {
        None => "turbo unknown",
        Some(true) => "turbo on",
        Some(false) => "turbo off",
    };
    let governors = match governors {
        [] => "no governor".to_owned(),
        some => format!("governor {}", some.join(", ")),
    };
    Some(Smell::FrequencyScaling {
        settings: format!("{governors}; {turbo}"),
    })
}

fn mitigations<'a>(states: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Smell> {
    let vulnerabilities: Vec<String> = states
        .filter(|(_, state)| state.starts_with("Mitigation"))
        .map(|(name, _)| name.to_owned())
        .collect();
    (!vulnerabilities.is_empty()).then_some(Smell::Mitigations { vulnerabilities })
}

/// What can only be said of a run that could not switch it off.
fn session_groups(setting: &str) -> Option<Smell> {
    (setting != "0").then_some(Smell::SessionGroups)
}

fn clock_source(source: &str) -> Option<Smell> {
    (!FAST_CLOCKS.contains(&source)).then(|| Smell::ClockSource {
        source: source.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_frequency_is_no_smell() {
        let governors = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let fixed = governors(&["performance"]);
        assert_eq!(frequency_scaling(Some(&fixed), Some(false)), None);
        assert_eq!(frequency_scaling(None, None), None);
        let turbo = frequency_scaling(Some(&fixed), Some(true)).unwrap();
        assert!(turbo.to_string().contains("governor performance; turbo on"));
        let follows = governors(&["performance", "schedutil"]);
        assert!(frequency_scaling(Some(&follows), None).is_some());
    }

    #[test]
    fn mitigations_are_named_and_what_is_not_affected_is_not() {
        let states = [
            ("meltdown", "Not affected"),
            ("retbleed", "Mitigation: IBRS"),
            ("spec_store_bypass", "Vulnerable"),
        ];
        let smell = mitigations(states.into_iter()).unwrap();
        assert_eq!(smell.to_string(), "mitigations are on for retbleed");
        assert_eq!(mitigations([("mds", "Vulnerable")].into_iter()), None);
    }

    #[test]
    fn sessions_that_are_scheduled_as_groups_are_told() {
        assert_eq!(session_groups("0"), None);
        assert_eq!(session_groups("1"), Some(Smell::SessionGroups));
    }

    #[test]
    fn clocks_that_need_a_system_call_are_told() {
        assert_eq!(clock_source("tsc"), None);
        assert_eq!(clock_source("kvm-clock"), None);
        assert!(clock_source("hpet").is_some());
        assert!(clock_source("acpi_pm").is_some());
    }
}
