//! The table.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// Of several rounds.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at =
            |share: f64| values.get(((values.len().max(1) - 1) as f64 * share).round() as usize).copied();
        let at = |share| at(share).unwrap_or(f64::NAN);
        Self { min: at(0.0), median: at(0.5), max: at(1.0) }
    }

    /// The part of the values that is no greater.
    pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
        values.sort_by(f64::total_cmp);
        let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1)) - 1;
        values.get(at).copied().unwrap_or(f64::NAN)
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} ({:.1}-{:.1})", self.median, self.min, self.max)
    }
}

/// One line of what was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    /// What was measured: `1 MiB x 1000, deflate`.
    pub(crate) what: String,
    /// Whose figure it is: `heat`, `plain TCP`, …
    pub(crate) whose: String,
    /// What the figure is, with its unit.
    pub(crate) figure: String,
    pub(crate) spread: Spread,
    /// Further words: processor time, memory.
    pub(crate) more: String,
}

/// Prints as it goes.
pub(crate) struct Report {
    lines: Vec<Line>,
    machine: String,
}

impl Report {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let machine =
            format!("{cores} x {}, Linux {}, load {load}", model.unwrap_or("?").trim(), kernel.trim());
        println!("{machine}\n");
        Self { lines: Vec::new(), machine }
    }

    pub(crate) fn add(&mut self, what: &str, whose: &str, figure: &str, spread: Spread, more: &str) {
        println!("{what:<34} {whose:<12} {figure:<22} {spread:<24} {more}", spread = spread.to_string());
        let line = Line {
            what: what.to_owned(),
            whose: whose.to_owned(),
            figure: figure.to_owned(),
            spread,
            more: more.to_owned(),
        };
        self.lines.push(line);
    }

    /// Our median beside another's, of the same rounds.
    pub(crate) fn ratio(&mut self, what: &str, ours: &[f64], theirs: &[f64], whose: &str, target: &str) {
        let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        let spread = Spread::of(ratios);
        println!(
            "{what:<34} {:<12} {:<22} {:<24} {target}",
            "ratio",
            format!("heat / {whose}"),
            format!("{:.2} ({:.2}-{:.2})", spread.median, spread.min, spread.max)
        );
        let line = Line {
            what: what.to_owned(),
            whose: format!("heat / {whose}"),
            figure: "ratio".to_owned(),
            spread,
            more: target.to_owned(),
        };
        self.lines.push(line);
    }

    pub(crate) fn end(self, json: Option<&Path>) -> anyhow::Result<()> {
        if let Some(path) = json {
            let kept = serde_json::json!({ "machine": self.machine, "lines": self.lines });
            fs::write(path, serde_json::to_vec_pretty(&kept)?)?;
        }
        Ok(())
    }
}
