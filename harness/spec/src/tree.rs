//! The YAML as a tree that remembers where each node was written.
//!
//! Overrides change the tree before it is typed, so the typed reading cannot use the YAML
//! reader's own locations; it reports the path of what it refuses, and the tree gives the place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::Spanned;

use crate::error::Place;

/// A node and where it was written.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// Text, number, boolean or null.
    Scalar(Value),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in written order.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) value: Node,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

impl Node {
    /// Says that this node and everything in it came from elsewhere.
    pub(crate) fn relocate(&mut self, place: &Place) {
        self.place = place.clone();
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::List(items) => items.iter_mut().for_each(|item| item.relocate(place)),
            Content::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.key_place = place.clone();
                entry.value.relocate(place);
            }),
        }
    }

    /// The place of what `path` leads to, as deep as it leads; for a mapping inside another one,
    /// the place of its key, since a mapping begins at its first entry.
    pub(crate) fn place_of(&self, path: &[Step]) -> Place {
        let mut node = self;
        let mut place = &self.place;
        for step in path {
            match (step, &node.content) {
                (Step::Key(key), Content::Map(entries)) => {
                    let Some(entry) = entries.iter().find(|entry| entry.key == *key) else {
                        break;
                    };
                    node = &entry.value;
                    place = match (&node.content, &node.place) {
                        (Content::Scalar(_), _) | (_, Place::Override(_)) => &node.place,
                        (Content::List(_) | Content::Map(_), Place::File { .. }) => {
                            &entry.key_place
                        }
                    };
                }
                (Step::Index(index), Content::List(items)) => {
                    let Some(item) = items.get(*index) else { break };
                    node = item;
                    place = &item.place;
                }
                (Step::Key(_) | Step::Index(_), _) => break,
            }
        }
        place.clone()
    }

    /// A path as it is written in the YAML: what validation calls the first field of an enum's
    /// variant (`probes[0][0].samples`) is the variant's name here (`probes[0].wakeup.samples`).
    pub(crate) fn written(&self, path: &str) -> String {
        let mut node = Some(self);
        let mut written = String::new();
        for step in steps(path) {
            let content = node.map(|node| &node.content);
            let (name, next) = match (&step, content) {
                (Step::Index(0), Some(Content::Map(entries))) if entries.len() == 1 => {
                    (Some(&entries[0].key), Some(&entries[0].value))
                }
                (Step::Key(key), Some(Content::Map(entries))) => {
                    let entry = entries.iter().find(|entry| entry.key == *key);
                    (Some(key), entry.map(|entry| &entry.value))
                }
                (Step::Index(index), Some(Content::List(items))) => (None, items.get(*index)),
                (Step::Key(key), _) => (Some(key), None),
                (Step::Index(_), _) => (None, None),
            };
            match (name, &step) {
                (Some(name), _) if written.is_empty() => written.push_str(name),
                (Some(name), _) => written += &format!(".{name}"),
                (None, Step::Index(index)) => written += &format!("[{index}]"),
                (None, Step::Key(key)) => written += key,
            }
            node = next;
        }
        written
    }

    /// The place of the key at the end of `path`.
    pub(crate) fn key_place_of(&self, path: &[Step], key: &str) -> Option<Place> {
        let mut node = self;
        for step in path {
            node = match (step, &node.content) {
                (Step::Key(key), Content::Map(entries)) => {
                    &entries.iter().find(|entry| entry.key == *key)?.value
                }
                (Step::Index(index), Content::List(items)) => items.get(*index)?,
                (Step::Key(_) | Step::Index(_), _) => return None,
            };
        }
        match &node.content {
            Content::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| entry.key_place.clone()),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }
}

/// Splits a path such as `systems[1].io` or `systems.1.io` into its steps.
pub(crate) fn steps(path: &str) -> Vec<Step> {
    path.split(['.', '[', ']'])
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse()
                .map_or_else(|_| Step::Key(part.to_owned()), Step::Index)
        })
        .collect()
}

fn place<T>(spanned: &Spanned<T>) -> Place {
    let location = spanned.defined;
    Place::File {
        line: location.line(),
        column: location.column(),
        width: location.span().len().max(1),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Content>::deserialize(from)?;
        Ok(Self {
            place: place(&spanned),
            content: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Content, D::Error> {
        Content::deserialize(from)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        let number = Number::from_f64(value).map(Value::Number);
        Ok(Content::Scalar(
            number.unwrap_or_else(|| Value::String(value.to_string())),
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let key_place = place(&key);
            map.push(Entry {
                key: key.value,
                key_place,
                value: entries.next_value()?,
            });
        }
        Ok(Content::Map(map))
    }
}
