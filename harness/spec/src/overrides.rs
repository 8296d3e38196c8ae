//! `--set path=value`: changes to the YAML tree before it is typed.

use crate::error::Place;
use crate::read::yaml;
use crate::tree::{Content, Entry, Node, Step, steps};

/// Applies one override.
///
/// # Errors
/// A sentence on what is wrong with the override.
pub(crate) fn apply(root: &mut Node, text: &str) -> Result<(), String> {
    let Some((path, value)) = text.split_once('=') else {
        return Err("an override is written `path=value`, such as `blocks=5`".to_owned());
    };
    let place = Place::Override(text.to_owned());
    let mut value = yaml(value.trim()).map_err(|error| format!("the value is no YAML: {error}"))?;
    value.relocate(&place);
    let steps = steps(path.trim());
    if steps.is_empty() {
        return Err("the path before `=` is empty".to_owned());
    }
    let mut node = root;
    for step in &steps {
        node = descend(node, step, &place)?;
    }
    *node = value;
    Ok(())
}

/// The child that `step` names; a missing key is made, a missing item is an error.
fn descend<'a>(node: &'a mut Node, step: &Step, place: &Place) -> Result<&'a mut Node, String> {
    match (step, &mut node.content) {
        (Step::Key(key), Content::Map(entries)) => {
            let found = entries.iter().position(|entry| entry.key == *key);
            let index = found.unwrap_or_else(|| {
                let value = Node {
                    place: place.clone(),
                    content: Content::Map(Vec::new()),
                };
                entries.push(Entry {
                    key: key.clone(),
                    key_place: place.clone(),
                    value,
                });
                entries.len() - 1
            });
            Ok(&mut entries[index].value)
        }
        (Step::Index(index), Content::List(items)) => {
            let count = items.len();
            items.get_mut(*index).ok_or_else(|| {
                format!("there is no item {index}: the list has {count}, counted from 0")
            })
        }
        (Step::Index(index), Content::Map(_) | Content::Scalar(_)) => Err(format!(
            "`{index}` numbers an item, but there is no list there"
        )),
        (Step::Key(key), Content::List(_)) => Err(format!(
            "`{key}` names a field, but there is a list: give the item's number first"
        )),
        (Step::Key(key), Content::Scalar(_)) => Err(format!(
            "`{key}` names a field, but there is a plain value: set the whole of it"
        )),
    }
}
