//! Panels by setting and load, and the looks of series.

use crate::canvas::page::{Entry, Grid, Sample};
use crate::canvas::style::{Dash, Marker, Rgb, colour};
use crate::run::{Cell, Trials};

/// One panel: the cells of one setting at one load.
#[derive(Debug)]
pub(crate) struct Facet<'a> {
    pub(crate) title: String,
    pub(crate) cells: Vec<&'a Cell>,
    /// Index of its place in the grid, row by row.
    pub(crate) place: usize,
}

/// Panels in a grid: a setting starts a new row.
#[derive(Debug)]
pub(crate) struct Facets<'a> {
    pub(crate) facets: Vec<Facet<'a>>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// What tells settings apart, by the row where each begins; none when there is only one.
    pub(crate) headings: Vec<(usize, String)>,
}

impl Facets<'_> {
    /// The page's grid, with rows of this height.
    pub(crate) fn grid(&self, row_height: f64) -> Grid {
        Grid {
            rows: self.rows,
            columns: self.columns,
            row_height,
            headings: self.headings.clone(),
            ..Grid::default()
        }
    }
}

/// Splits cells, in their order, into panels with at most `widest` in a row.
pub(crate) fn by_load<'a>(trials: &Trials, cells: &'a [Cell], widest: usize) -> Facets<'a> {
    let groups: Vec<&[Cell]> = cells
        .chunk_by(|a, b| a.setting == b.setting && a.load_rps == b.load_rps)
        .collect();
    let in_setting = |setting| {
        groups
            .iter()
            .filter(|group| group[0].setting == setting)
            .count()
    };
    let most = (0..trials.settings.len())
        .map(in_setting)
        .max()
        .unwrap_or(1);
    // Four panels read better as two rows of two than as a row of three and one of one.
    let columns = if most <= widest {
        most
    } else {
        most.div_ceil(most.div_ceil(widest))
    }
    .max(1);
    let (mut facets, mut headings) = (Vec::new(), Vec::new());
    let (mut place, mut last) = (0, None);
    for group in groups {
        let setting = group[0].setting;
        if last.is_some_and(|l| l != setting) {
            place = usize::next_multiple_of(place, columns);
        }
        if last != Some(setting) && trials.settings.len() > 1 {
            headings.push((place / columns, trials.settings[setting].describe()));
        }
        last = Some(setting);
        let title = (trials.load_title)(group[0].load_rps);
        facets.push(Facet {
            title,
            cells: group.iter().collect(),
            place,
        });
        place += 1;
    }
    let rows = place.div_ceil(columns).max(1);
    Facets {
        facets,
        rows,
        columns,
        headings,
    }
}

/// How a series is drawn: colour and marker by its design (the label without a suffix that names
/// the I/O), dash and filling by its I/O, so that one design with and without bypass is recognised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) colour: Rgb,
    pub(crate) marker: Marker,
    pub(crate) dash: Dash,
    pub(crate) filled: bool,
}

/// The look of the `series`th series.
pub(crate) fn look(trials: &Trials, series: usize) -> Look {
    let of = &trials.series[series];
    let design = trials
        .designs()
        .iter()
        .position(|d| *d == of.design())
        .unwrap_or(0);
    let io = trials.ios().iter().position(|i| *i == of.io).unwrap_or(0);
    Look {
        colour: colour(design),
        marker: Marker::nth(design),
        dash: Dash::nth(io),
        filled: io == 0,
    }
}

/// The legend of the series, with markers or as bare lines.
pub(crate) fn legend(trials: &Trials, markers: bool) -> Vec<Entry> {
    let entry = |series| {
        let Look {
            colour,
            marker,
            dash,
            filled,
        } = look(trials, series);
        let marker = markers.then_some((marker, filled));
        Entry::new(Sample::Line(colour, dash, marker), trials.name(series))
    };
    (0..trials.series.len()).map(entry).collect()
}
