//! What is concluded from recorded runs.

mod comparing;
mod made;
mod truths;
mod validating;
