//! From text to a valid document: YAML to tree, overrides, types, value rules, cross rules.

use garde::Validate;
use serde::de::DeserializeOwned;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::error::{Place, Problem, SpecError};
use crate::overrides;
use crate::rules::across::across;
use crate::spec::Spec;
use crate::tree::{Node, Step, steps};

/// Reads and checks a spec.
pub(crate) fn read<S: AsRef<str>>(text: &str, file: &str, set: &[S]) -> Result<Spec, SpecError> {
    let mut tree = tree(text, file)?;
    for change in set {
        let change = change.as_ref();
        overrides::apply(&mut tree, change).map_err(|message| {
            let place = Place::Override(change.to_owned());
            let problem = Problem {
                place,
                path: String::new(),
                message,
                snippet: None,
            };
            failed(file, vec![problem])
        })?;
    }
    checked(&tree, text, file, across)
}

/// Reads a YAML document of another type than [`Spec`] with the same care: a key twice is an
/// error, values are checked by the type's own rules, and then by `across`, which returns what one
/// setting rules out in another, as path and message. `file_name` is for the messages only.
///
/// # Errors
/// Everything wrong with the text, each problem with its place.
pub fn read_document<T>(
    text: &str,
    file_name: &str,
    across: impl FnOnce(&T) -> Vec<(String, String)>,
) -> Result<T, SpecError>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    checked(&tree(text, file_name)?, text, file_name, across)
}

fn failed(file: &str, problems: Vec<Problem>) -> SpecError {
    SpecError {
        file: file.to_owned(),
        problems,
    }
}

fn tree(text: &str, file: &str) -> Result<Node, SpecError> {
    yaml(text).map_err(|error| failed(file, vec![syntax(&error, text)]))
}

fn checked<T>(
    tree: &Node,
    text: &str,
    file: &str,
    across: impl FnOnce(&T) -> Vec<(String, String)>,
) -> Result<T, SpecError>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let document: T = typed(tree, text).map_err(|problem| failed(file, vec![problem]))?;
    let mut problems: Vec<Problem> = match document.validate() {
        Ok(()) => Vec::new(),
        Err(report) => report
            .iter()
            .map(|(path, error)| {
                let path = tree.written(&path.to_string());
                problem(tree, text, &path, error.to_string())
            })
            .collect(),
    };
    if problems.is_empty() {
        let findings = across(&document).into_iter();
        problems.extend(findings.map(|(path, message)| problem(tree, text, &path, message)));
    }
    if problems.is_empty() {
        Ok(document)
    } else {
        Err(failed(file, problems))
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
fn typed<T: DeserializeOwned>(tree: &Node, text: &str) -> Result<T, Problem> {
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
