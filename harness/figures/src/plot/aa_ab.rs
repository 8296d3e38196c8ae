//! A/A and A/B: the intervals of every group of blocks, sorted, beside the true ratio.

use crate::canvas::axis::Axis;
use crate::canvas::page::{Entry, Grid, Page, Sample, Surround};
use crate::canvas::panel::{Panel, Strip};
use crate::canvas::scene::Scene;
use crate::canvas::style::{Dash, Marker, Rgb};
use crate::data::Data;
use crate::error::Result;
use crate::figure::{Drawing, Skip};
use crate::run::{Named, Run};

const LEAD: &str = "the ratio of the two labels with its 95% interval, sorted. Before any correction; a difference also \
                    needs the exact rank test. The dashed line is a ratio of 1.";

const DIFFERS: Rgb = Rgb(0xd5, 0x5e, 0x00);

pub(crate) fn draw(run: &Run) -> Result<Drawing> {
    let rows = run.repeats()?;
    let Some(first) = rows.first() else {
        return Ok(Drawing::Skipped(Skip::NoRepeats));
    };
    let injected = first.number("injected_share").unwrap_or(0.0);
    let pair = format!("{} against {}", first.text("label"), first.text("baseline"));
    let title = if injected > 0.0 {
        format!("A/B: {:.1}% more service time", injected * 100.0)
    } else {
        "A/A: one system under two labels".to_owned()
    };
    let marker =
        |colour, text: &str| Entry::new(Sample::Marker(colour, Marker::Circle, true), text);
    let around = Surround {
        title,
        subtitle: pair,
        caption: format!(
            "Each line is one comparison of {} blocks: {LEAD} Machine: {}.",
            first.text("blocks"),
            run.machine.describe()
        ),
        legend: vec![
            marker(DIFFERS, "a difference"),
            marker(Rgb::AXIS, "none, or no verdict"),
        ],
    };
    let mut metrics: Vec<&str> = rows.iter().map(|row| row.text("metric")).collect();
    metrics.sort_unstable();
    metrics.dedup();
    // Median, tail, cost.
    metrics.sort_by_key(|metric| (metric.starts_with("cpu"), *metric));
    let grid = Grid {
        rows: 1,
        columns: metrics.len(),
        row_height: 560.0,
        ..Grid::default()
    };
    let mut page = Page::lay_out(&around, &grid);
    for (place, metric) in metrics.iter().enumerate() {
        let mut of_metric: Vec<&Named> = rows
            .iter()
            .filter(|row| row.text("metric") == *metric)
            .collect();
        let ratio = |row: &Named| row.number("ratio").unwrap_or(f64::INFINITY);
        of_metric.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let different = of_metric.iter().filter(|row| differs(row)).count();
        let heading = format!("{}: {different} of {}", short(metric), of_metric.len());
        let y = Axis::linear(
            if place == 0 { "comparison" } else { "" },
            0.0,
            of_metric.len() as f64,
            6,
        );
        let beyond = of_metric
            .iter()
            .any(|row| row.number("ratio_high").is_some_and(f64::is_infinite));
        let strip = if beyond { Strip::Right } else { Strip::None };
        let panel = Panel::new(page.panels[place], heading, axis(&of_metric), y, strip);
        panel.frame(&mut page.scene);
        let (low, high) = (panel.at(1.0, 0.0), panel.at(1.0, of_metric.len() as f64));
        page.scene.dashed(&[low, high], Dash::Long, 1.2, Rgb::INK);
        for (line, row) in of_metric.iter().enumerate() {
            mark(&panel, &mut page.scene, line as f64 + 0.5, row);
        }
    }
    Ok(Drawing::picture(page.scene, data(&rows)))
}

fn differs(row: &Named) -> bool {
    matches!(row.text("verdict"), "faster" | "slower")
}

/// A metric's name as a heading: `p50`, `cpu`.
fn short(metric: &str) -> &str {
    metric.split('_').next().unwrap_or(metric)
}

fn axis(rows: &[&Named]) -> Axis {
    let all = rows
        .iter()
        .flat_map(|row| ["ratio_low", "ratio_high"].map(|column| row.number(column)));
    let finite = all.flatten().filter(|ratio| ratio.is_finite());
    let (low, high) = finite.fold((0.98, 1.02), |(low, high): (f64, f64), ratio| {
        (low.min(ratio), high.max(ratio))
    });
    if high / low > 4.0 {
        Axis::log("ratio", low.max(1e-3), high)
    } else {
        Axis::linear("ratio", low, high, 4)
    }
}

fn mark(panel: &Panel, scene: &mut Scene, line: f64, row: &Named) {
    let colour = if differs(row) { DIFFERS } else { Rgb::AXIS };
    let (Some(ratio), Some(low), Some(high)) = (
        row.number("ratio"),
        row.number("ratio_low"),
        row.number("ratio_high"),
    ) else {
        return;
    };
    let at = |ratio| panel.at(ratio, line);
    scene.line(vec![at(low), at(high)], 1.4, colour);
    scene.marker(at(ratio), Marker::Circle, 2.2, colour, true);
}

fn data(rows: &[Named]) -> Data {
    const COLUMNS: [&str; 12] = [
        "label",
        "baseline",
        "injected_share",
        "blocks",
        "group",
        "point",
        "metric",
        "ratio",
        "ratio_low",
        "ratio_high",
        "p_value",
        "verdict",
    ];
    let mut data = Data::new(COLUMNS);
    for row in rows {
        data.push(COLUMNS.map(|column| row.text(column).to_owned()).to_vec());
    }
    data
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::tests::assert_legible;

    #[test]
    fn every_group_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("run.json"), "{}").unwrap();
        let run = Run::read(folder.path()).unwrap();
        assert!(matches!(
            draw(&run).unwrap(),
            Drawing::Skipped(Skip::NoRepeats)
        ));
        let mut text = "label,baseline,injected_share,blocks,group,point,metric,ratio,ratio_low,ratio_high,p_value,verdict\n"
            .to_owned();
        for metric in ["cpu_ns_per_request", "p50_ns", "p99_ns"] {
            for group in 1..=40 {
                let ratio = 1.0 + f64::from(group % 7) * 0.01;
                let verdict = if group % 7 > 3 {
                    "slower"
                } else {
                    "no difference shown"
                };
                writeln!(
                    text,
                    "b,a,0.05,10,{group},1 kreq/s,{metric},{ratio},{},{},0.01,{verdict}",
                    ratio - 0.02,
                    if group == 3 {
                        f64::INFINITY
                    } else {
                        ratio + 0.03
                    }
                )
                .unwrap();
            }
        }
        std::fs::write(folder.path().join("aa_ab.csv"), text).unwrap();
        let run = Run::read(folder.path()).unwrap();
        let Drawing::Picture(picture) = draw(&run).unwrap() else {
            panic!("it was skipped");
        };
        assert_legible("aa_ab", &picture.scene);
        let texts: Vec<_> = picture.scene.text_boxes();
        assert!(
            texts
                .iter()
                .any(|(text, _)| text.starts_with("p50: ") && text.ends_with("of 40"))
        );
        assert!(
            texts
                .iter()
                .any(|(text, _)| *text == "A/B: 5.0% more service time")
        );
    }
}
