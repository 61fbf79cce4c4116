//! What the operators' manual (`infra/OPERATIONS.md`) says about metrics, and what a program exports, to compare them.

use std::collections::BTreeSet;

const MANUAL: &str = include_str!("../../OPERATIONS.md");

/// A metric as Prometheus keeps it: name, kind, and its labels in alphabetical order, separated by a blank.
pub type Metric = (String, String, String);

/// The metrics that the manual's table names for a program. Its columns: name, kind, program, labels, meaning.
#[must_use]
pub fn documented(program: &str) -> BTreeSet<Metric> {
    let plain = |cell: &str| cell.replace(['`', ','], "").trim().to_owned();
    MANUAL
        .lines()
        .filter(|line| line.starts_with("| `heat_"))
        .map(|line| line.split('|').skip(1).map(plain).collect::<Vec<_>>())
        .filter(|cells| cells.get(2).is_some_and(|of| of == program))
        .filter_map(|cells| Some((cells.first()?.clone(), cells.get(1)?.clone(), cells.get(3)?.clone())))
        .collect()
}

/// The metrics of a scrape in the `OpenMetrics` text form. A family without a value is not in it.
#[must_use]
pub fn exported(scrape: &str) -> BTreeSet<Metric> {
    scrape
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(family, kind)| {
            let sample = scrape.lines().find(|line| is_sample_of(line, family)).unwrap_or_default();
            let labels =
                sample.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |l| l.0);
            let labels: BTreeSet<_> =
                labels.split("\",").filter_map(|label| label.split_once('=')).map(|(name, _)| name).collect();
            let labels: Vec<_> = labels.into_iter().filter(|&name| name != "le").collect();
            // Prometheus keeps a counter under its sample's name.
            let name = if kind == "counter" { format!("{family}_total") } else { family.to_owned() };
            (name, kind.to_owned(), labels.join(" "))
        })
        .collect()
}

fn is_sample_of(line: &str, family: &str) -> bool {
    let ends = ["{", " ", "_total{", "_total ", "_bucket{"];
    line.strip_prefix(family).is_some_and(|rest| ends.iter().any(|end| rest.starts_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_read_as_prometheus_keeps_it() {
        let scrape = "\
            # HELP heat_runs Runs.\n# TYPE heat_runs counter\n\
            heat_runs_total{outcome=\"Ok\",job=\"a, b=c\"} 1\n\
            # TYPE heat_up gauge\nheat_up 1\n\
            # TYPE heat_took_seconds histogram\n# UNIT heat_took_seconds seconds\n\
            heat_took_seconds_sum{job=\"a\"} 1.0\nheat_took_seconds_bucket{le=\"1.0\",job=\"a\"} 1\n# EOF\n";
        let metric = |name: &str, kind: &str, labels: &str| (name.into(), kind.into(), labels.into());
        let expected = BTreeSet::from([
            metric("heat_runs_total", "counter", "job outcome"),
            metric("heat_up", "gauge", ""),
            metric("heat_took_seconds", "histogram", "job"),
        ]);
        assert_eq!(exported(scrape), expected);
    }

    #[test]
    fn the_manual_names_metrics_of_both_programs() {
        assert!(!documented("heat-api").is_empty() && !documented("heat-updater").is_empty());
        assert!(documented("heat-dev").is_empty());
    }
}
