//! What a well-typed claim may still get wrong: value by value (garde calls these), and in
//! [`across`] what one part of a claim rules out in another.

use garde::Error;
use spec::{Io, Rate};

use crate::cell::{Cell, ServerCell};
use crate::claim::{Claim, Subject};
use crate::need::Need;
use crate::test::{At, Test};
use crate::verdict::Limits;

fn check(holds: bool, message: impl FnOnce() -> String) -> garde::Result {
    if holds {
        Ok(())
    } else {
        Err(Error::new(message()))
    }
}

pub(crate) fn id(id: &str, _: &()) -> garde::Result {
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
    check(
        (1..=40).contains(&id.len()) && id.chars().all(allowed),
        || format!("`{id}` cannot be a claim's id: 1 to 40 of a-z, 0-9 and `-`"),
    )
}

pub(crate) fn line(text: &str, _: &()) -> garde::Result {
    check(
        (1..=160).contains(&text.chars().count()) && !text.contains('\n'),
        || {
            format!(
                "a statement is one line of at most 160 characters; this has {}",
                text.chars().count()
            )
        },
    )
}

pub(crate) fn experiment(path: &str, _: &()) -> garde::Result {
    let relative = !path.starts_with('/') && !path.split('/').any(|part| part == "..");
    check(relative && path.ends_with(".yaml"), || {
        format!("`{path}` is no spec below experiments/, such as enberg2019/notification.yaml")
    })
}

pub(crate) fn finite(value: &f64, _: &()) -> garde::Result {
    check(value.is_finite(), || format!("{value} is no number"))
}

pub(crate) fn positive(value: &f64, _: &()) -> garde::Result {
    check(value.is_finite() && *value > 0.0, || {
        format!("{value}: a bracket is a share of its middle, which must be above 0")
    })
}

pub(crate) fn share(value: &f64, _: &()) -> garde::Result {
    check(*value > 0.0 && *value < 1.0, || {
        format!("{value}: a share between 0 and 1 is wanted, such as 0.1 for 10%")
    })
}

pub(crate) fn above_one(value: &f64, _: &()) -> garde::Result {
    check(value.is_finite() && *value > 1.0, || {
        format!("{value}: growth is a factor above 1")
    })
}

/// What no single value shows: path in the YAML and message.
pub(crate) fn across(claim: &Claim) -> Vec<(String, String)> {
    let Some(test) = &claim.test else {
        return untested(claim);
    };
    let mut problems = Vec::new();
    let base = format!("test.{}", key(test));
    for (path, cell) in paths(test, &base) {
        if let Cell::Server(cell) = cell {
            problems.extend(server(cell).map(|message| (path, message)));
        }
    }
    problems.extend(limits(test).map(|message| (format!("{base}.limits"), message)));
    problems.extend(own(test).map(|(field, message)| (format!("{base}{field}"), message)));
    problems.extend(load(test).map(|message| (format!("{base}.at"), message)));
    if problems.is_empty() {
        problems.extend(fair(claim.subject, test).map(|message| (base, message)));
    }
    problems
}

/// A claim without a test says what makes a test impossible.
fn untested(claim: &Claim) -> Vec<(String, String)> {
    if claim.needs.iter().any(Need::is_beyond_this_version) {
        return Vec::new();
    }
    let message = "a claim needs a `test`, or in `needs` a system or a facility that this version \
                   does not have";
    vec![(String::new(), message.to_owned())]
}

/// The test's key in the YAML.
const fn key(test: &Test) -> &'static str {
    match test {
        Test::Ordering(_) => "ordering",
        Test::Ratio(_) => "ratio",
        Test::Bound(_) => "bound",
        Test::Knee(_) => "knee",
        Test::Linearity(_) => "linearity",
        Test::BracketedEquality(_) => "bracketed_equality",
        Test::Difference(_) => "difference",
        Test::ShrinkingGap(_) => "shrinking_gap",
        Test::Least(_) => "least",
        Test::Plateau(_) => "plateau",
    }
}

/// The cells and where they stand.
fn paths<'a>(test: &'a Test, base: &str) -> Vec<(String, &'a Cell)> {
    let cells = test.cells();
    let place = |index: usize| match test {
        Test::Ordering(_) => format!("{base}.ascending[{index}]"),
        Test::Least(_) if index > 0 => format!("{base}.among[{}]", index - 1),
        Test::ShrinkingGap(_) => {
            let gap = ["wide", "narrow"][usize::from(index > 1)];
            format!("{base}.{gap}.{}", ["below", "above"][index % 2])
        }
        Test::Ratio(_)
        | Test::Bound(_)
        | Test::Knee(_)
        | Test::Linearity(_)
        | Test::BracketedEquality(_)
        | Test::Least(_)
        | Test::Plateau(_)
        | Test::Difference(_) => format!("{base}.{}", ["of", "to"][index.min(1)]),
    };
    cells
        .into_iter()
        .enumerate()
        .map(|(index, cell)| (place(index), cell))
        .collect()
}

/// What a system cannot be asked for.
fn server(cell: &ServerCell) -> Option<String> {
    let system = cell.system;
    let ios: Vec<&str> = system.ios().iter().map(|io| io.name()).collect();
    match cell.io {
        None if ios.len() > 1 => {
            return Some(format!(
                "{system} runs over {}: a claim says which `io` it means",
                ios.join(" and ")
            ));
        }
        Some(io) if !system.ios().contains(&io) => {
            return Some(format!(
                "{system} does not run over {}, only over {}: {}",
                io.name(),
                ios.join(" and "),
                system.io_reason()
            ));
        }
        None | Some(Io::Udp | Io::AfXdp | Io::Memory | Io::Kernel | Io::Xdp | Io::PacketSocket) => {
        }
    }
    let wakeup = cell.wakeup.filter(|way| !system.wakeups().contains(way))?;
    Some(format!("{system} has no wakeup `{}`", wakeup.name()))
}

/// Limits that limit nothing, or nothing but nonsense.
fn limits(test: &Test) -> Option<String> {
    let limits = match test {
        Test::Ratio(test) => test.limits,
        Test::Bound(test) => test.limits,
        Test::Knee(test) => test.limits,
        Test::Difference(test) => test.limits,
        Test::Ordering(_)
        | Test::Linearity(_)
        | Test::BracketedEquality(_)
        | Test::ShrinkingGap(_)
        | Test::Least(_)
        | Test::Plateau(_) => return None,
    };
    let Limits { at_least, at_most } = limits;
    match (at_least, at_most) {
        (None, None) => Some("give `at_least`, `at_most` or both".to_owned()),
        (Some(least), Some(most)) if least > most => Some(format!(
            "`at_least` ({least}) is above `at_most` ({most}): nothing could agree"
        )),
        (Some(_), _) | (None, Some(_)) => None,
    }
}

/// A load whose rate counts something else than the cells: no trial could have it.
fn load(test: &Test) -> Option<String> {
    let Some(At::Load(load)) = test.at() else {
        return None;
    };
    let (rate, counted) = (load.rate()?, test.cells().first()?.counted());
    (rate.of() != counted).then(|| {
        let (counts, asked) = (rate.of().name(), counted.name());
        let meant = Rate::new(rate.get(), counted);
        format!("`{rate}` counts {counts}, and the claim's cells {asked}: write `{meant}`")
    })
}

/// What one kind of test asks of its own fields: field, with its dot, and message.
fn own(test: &Test) -> Option<(&'static str, String)> {
    let notification = test.cells().into_iter().any(|cell| match cell {
        Cell::Server(_) => false,
        Cell::Notification(_) => true,
    });
    if notification && test.metric().quantile().is_none() {
        let message = "the probe measures times: p50_ns, p90_ns, p99_ns, p99_9_ns".to_owned();
        return Some((".metric", message));
    }
    match test {
        Test::BracketedEquality(test) if test.to.is_some() == test.value.is_some() => {
            Some(("", "give either `value` or `to`".to_owned()))
        }
        Test::Knee(_) | Test::Linearity(_) | Test::Plateau(_) if notification => {
            Some((".of", "a probe has no load to grow with".to_owned()))
        }
        Test::Plateau(test) => test.fault(),
        Test::BracketedEquality(_)
        | Test::Knee(_)
        | Test::Linearity(_)
        | Test::Ordering(_)
        | Test::Ratio(_)
        | Test::Difference(_)
        | Test::ShrinkingGap(_)
        | Test::Least(_)
        | Test::Bound(_) => None,
    }
}

/// Whether the cells may be compared at all, given what the claim is about.
fn fair(subject: Subject, test: &Test) -> Option<String> {
    let cells = test.cells();
    let servers: Vec<&ServerCell> = cells
        .iter()
        .filter_map(|cell| match cell {
            Cell::Server(cell) => Some(cell),
            Cell::Notification(_) => None,
        })
        .collect();
    let about_probes = subject == Subject::Notification;
    let mixed = !servers.is_empty() && servers.len() < cells.len();
    if mixed || about_probes != servers.is_empty() {
        return Some(if about_probes {
            "a claim about notification is about cells of the probe: `notification: ..`".to_owned()
        } else {
            "this claim is about servers: `server: ..`; the probe's times are another subject"
                .to_owned()
        });
    }
    let first = servers.first()?;
    let about_frames = subject == Subject::Forwarding;
    if let Some(other) = (servers.iter()).find(|cell| cell.system.forwards() != about_frames) {
        return Some(if about_frames {
            format!(
                "{} forwards no frames, and this claim is about what does",
                other.system
            )
        } else {
            format!(
                "{} forwards frames: the claim's subject is `forwarding`",
                other.system
            )
        });
    }
    let other_io = servers.iter().find(|cell| cell.io() != first.io());
    match subject {
        Subject::Steering => other_io.map(|other| {
            format!(
                "it compares {} over {} with {} over {}: steering would be confounded with kernel \
                 bypass; compare within one io",
                first.system,
                first.io().name(),
                other.system,
                other.io().name()
            )
        }),
        Subject::Bypass => {
            let fair = other_io.is_some() && servers.iter().all(|cell| cell.system == first.system);
            (!fair).then(|| {
                "a claim about kernel bypass compares one system over udp and over af_xdp"
                    .to_owned()
            })
        }
        // Kernel bypass or not is what tells packet systems apart: it is compared, and confounds nothing.
        Subject::Notification | Subject::Forwarding => None,
    }
}
