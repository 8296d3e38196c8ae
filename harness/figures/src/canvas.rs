//! Drawing: a picture is a list of shapes in 1200-wide units, laid out once and rendered to SVG
//! and PNG alike.
//!
//! plotters' back ends do the drawing. Its chart layer is not used: it cannot keep a strip for
//! "> timeout", place a legend beside the data, or say where the labels went, which the tests
//! check for overlaps.

pub(crate) mod axis;
pub(crate) mod font;
pub(crate) mod page;
pub(crate) mod panel;
pub(crate) mod render;
pub(crate) mod scene;
pub(crate) mod style;
