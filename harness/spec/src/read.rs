//! From text to a valid [`Spec`]: YAML to tree, overrides, types, value rules, cross rules.

use garde::Validate;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::error::{Place, Problem, SpecError};
use crate::overrides;
use crate::rules::across::across;
use crate::spec::Spec;
use crate::tree::{Node, Step, steps};

/// Reads and checks a spec.
pub(crate) fn read<S: AsRef<str>>(text: &str, file: &str, set: &[S]) -> Result<Spec, SpecError> {
    let fail = |problems| SpecError {
        file: file.to_owned(),
        problems,
    };
    let mut tree = yaml(text).map_err(|error| fail(vec![syntax(&error, text)]))?;
    for change in set {
        let change = change.as_ref();
        overrides::apply(&mut tree, change).map_err(|message| {
            let place = Place::Override(change.to_owned());
            fail(vec![Problem {
                place,
                path: String::new(),
                message,
                snippet: None,
            }])
        })?;
    }
    let spec = typed(&tree, text).map_err(|problem| fail(vec![problem]))?;
    let mut problems: Vec<Problem> = match spec.validate() {
        Ok(()) => Vec::new(),
        Err(report) => report
            .iter()
            .map(|(path, error)| problem(&tree, text, &path.to_string(), error.to_string()))
            .collect(),
    };
    if problems.is_empty() {
        let findings = across(&spec).into_iter();
        problems.extend(findings.map(|(path, message)| problem(&tree, text, &path, message)));
    }
    if problems.is_empty() {
        Ok(spec)
    } else {
        Err(fail(problems))
    }
}

/// Parses one YAML document; a key twice in a mapping is an error.
pub(crate) fn yaml(text: &str) -> Result<Node, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
}

/// Types the tree, reporting the first thing that does not fit.
fn typed(tree: &Node, text: &str) -> Result<Spec, Problem> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let path = path_of(error.path());
        let message = error.into_inner().to_string();
        let unknown = message
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split('`').next());
        let parent = match unknown {
            Some(field) => path
                .strip_suffix(field)
                .unwrap_or(&path)
                .trim_end_matches('.'),
            None => path.as_str(),
        };
        let key_place = unknown.and_then(|field| tree.key_place_of(&steps(parent), field));
        let mut problem = problem(tree, text, parent, message.clone());
        if let Some(place) = key_place {
            problem.snippet = snippet(&place, text);
            problem.place = place;
        }
        problem
    })
}

/// The reader's path without the names of enum variants that the YAML does not show.
fn path_of(path: &serde_path_to_error::Path) -> String {
    let path = path.to_string();
    if path == "." {
        String::new()
    } else {
        path.trim_end_matches(".?").to_owned()
    }
}

fn problem(tree: &Node, text: &str, path: &str, message: String) -> Problem {
    let steps: Vec<Step> = steps(path);
    let place = tree.place_of(&steps);
    let snippet = snippet(&place, text);
    Problem {
        place,
        path: path.to_owned(),
        message,
        snippet,
    }
}

/// Text that is no YAML at all, in the YAML reader's words.
fn syntax(error: &serde_saphyr::Error, text: &str) -> Problem {
    let (line, column) = error
        .location()
        .map_or((1, 1), |at| (at.line(), at.column()));
    let place = Place::File {
        line,
        column,
        width: 1,
    };
    let snippet = snippet(&place, text);
    Problem {
        place,
        path: String::new(),
        message: error.to_string(),
        snippet,
    }
}

/// The line that a place points at.
fn snippet(place: &Place, text: &str) -> Option<String> {
    match place {
        Place::File { line, .. } => {
            let line = usize::try_from(*line).ok()?.checked_sub(1)?;
            text.lines().nth(line).map(ToOwned::to_owned)
        }
        Place::Override(_) => None,
    }
}
