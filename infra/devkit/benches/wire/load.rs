//! What a process costs, from /proc.

use std::fs;

/// So many clock ticks are a second on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// User and system time of a process and its children that live, in milliseconds.
pub(crate) fn processor_ms(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| ticks(*pid)).sum::<f64>() / TICKS * 1000.0
}

fn ticks(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold blanks; what follows its parenthesis does not.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    field(11) + field(12)
}

/// Memory that is in use now, and the most there was, in bytes.
pub(crate) fn memory(pids: &[u32]) -> (f64, f64) {
    let of = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        (kib("VmRSS:").unwrap_or_default() * 1024.0, kib("VmHWM:").unwrap_or_default() * 1024.0)
    };
    pids.iter().map(of).fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
}

/// A process and those it started, such as nginx' workers.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    std::iter::once(pid).chain(children).collect()
}
