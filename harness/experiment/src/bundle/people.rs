//! What only a run's authors know: who they are, and under which licence the data is.

use serde_json::{Value, json};

use crate::exit::BadInput;

/// Authors and licence, as the command line names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Credits {
    authors: Vec<Author>,
    license: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Author {
    /// Address that identifies the person, such as an ORCID; a name in the description otherwise.
    id: String,
    name: String,
}

impl Credits {
    /// Reads `Name` or `Name <https://...>` for each author, and an SPDX name or an address.
    ///
    /// # Errors
    /// [`BadInput`] for an author without a name, or an address that is none.
    pub(crate) fn parse(authors: &[String], license: Option<&str>) -> Result<Self, BadInput> {
        Ok(Self {
            authors: authors
                .iter()
                .map(|text| Author::parse(text))
                .collect::<Result<_, _>>()?,
            license: license.map(license_address).transpose()?,
        })
    }

    /// References to the authors, and the authors.
    pub(super) fn people(&self) -> (Vec<Value>, Vec<Value>) {
        self.authors
            .iter()
            .map(|author| {
                let person = json!({ "@id": author.id, "@type": "Person", "name": author.name });
                (json!({ "@id": author.id }), person)
            })
            .unzip()
    }

    /// The licence's address.
    pub(super) fn license(&self) -> Option<&str> {
        self.license.as_deref()
    }
}

impl Author {
    fn parse(text: &str) -> Result<Self, BadInput> {
        let bad = |why: &str| {
            BadInput(format!(
                "--author \"{text}\": {why}; write \"Name\" or \"Name <https://orcid.org/...>\""
            ))
        };
        let (name, id) = match text.split_once('<') {
            None => (text.trim(), None),
            Some((name, rest)) => {
                let id = rest
                    .trim_end()
                    .strip_suffix('>')
                    .ok_or_else(|| bad("the < is not closed"))?;
                if !is_address(id) {
                    return Err(bad("between < and > stands no address"));
                }
                (name.trim(), Some(id.to_owned()))
            }
        };
        if name.is_empty() {
            return Err(bad("there is no name"));
        }
        let made_up = || {
            format!(
                "#{}",
                name.to_lowercase()
                    .replace(|c: char| !c.is_ascii_alphanumeric(), "-")
            )
        };
        Ok(Self {
            id: id.unwrap_or_else(made_up),
            name: name.to_owned(),
        })
    }
}

fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
}

fn license_address(text: &str) -> Result<String, BadInput> {
    if is_address(text) {
        return Ok(text.to_owned());
    }
    let spdx = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+');
    if text.is_empty() || !text.chars().all(spdx) {
        return Err(BadInput(format!(
            "--license {text}: neither an SPDX name such as CC-BY-4.0 nor an address"
        )));
    }
    Ok(format!("https://spdx.org/licenses/{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(text: &str) -> Result<Credits, BadInput> {
        Credits::parse(&[text.to_owned()], None)
    }

    #[test]
    fn authors_have_an_address_or_a_name_within_the_description() {
        let (ids, people) = author("Ada Lovelace <https://orcid.org/0000-0001>")
            .unwrap()
            .people();
        assert_eq!(ids[0]["@id"], "https://orcid.org/0000-0001");
        assert_eq!(people[0]["name"], "Ada Lovelace");
        assert_eq!(
            author("Ada Lovelace").unwrap().people().0[0]["@id"],
            "#ada-lovelace"
        );
        for bad in ["", "<https://orcid.org/1>", "Ada <https://x", "Ada <ada>"] {
            assert!(author(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn licences_are_spdx_names_or_addresses() {
        let license =
            |text| Credits::parse(&[], Some(text)).map(|credits| credits.license.unwrap());
        assert_eq!(
            license("CC-BY-4.0").unwrap(),
            "https://spdx.org/licenses/CC-BY-4.0"
        );
        assert_eq!(
            license("https://example.org/terms").unwrap(),
            "https://example.org/terms"
        );
        assert!(license("all mine").is_err());
    }
}
