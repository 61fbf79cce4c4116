//! The faults that Heat is tried against: what people see of each, what comes of it, and within what time it heals.
//!
//! The tests and the table of the operators' manual (`infra/OPERATIONS.md`) both come from this list. A test says with
//! [`Repair`] when a fault ends and when all is well again; how long that took is printed, and kept as JSON in the folder
//! [`HEAT_TEST_FAULTS`](DIR), or else in `target/faults`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// The environment variable with the folder where measured times are kept.
pub const DIR: &str = "HEAT_TEST_FAULTS";

/// The table stands between these two lines of the manual.
const MARKS: (&str, &str) = ("<!-- heat-dev faults -->\n", "<!-- the end of heat-dev faults -->\n");

/// Something that fails.
#[derive(Debug)]
pub struct Fault {
    /// What fails, in a few words; also its name in tests.
    pub name: &'static str,
    /// What people see meanwhile.
    pub seen: &'static str,
    /// What comes of it.
    pub comes: &'static str,
    /// The seconds within which all is well again, once the fault has ended or where it does not end. Absent where nobody has
    /// to wait for anything.
    pub within: Option<u64>,
    /// The test, a function of Rust.
    pub test: &'static str,
}

/// Every fault.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "a replica is killed",
        seen: "its screens reconnect to another within seconds",
        comes: "nothing is lost; it may come back at any time",
        within: Some(60),
        test: "a_killed_replica_is_hardly_noticed",
    },
    Fault {
        name: "a replica is frozen, and thaws",
        seen: "its screens stand still, with the time of their last picture; pages opened meanwhile have the newest one, by HTTP where their socket hangs",
        comes: "its sockets go on with the newest picture, or connect again; nothing old is shown as new",
        within: Some(60),
        test: "a_frozen_replica_that_thaws_catches_up_and_shows_nothing_old",
    },
    Fault {
        name: "three browsers in ten read nothing",
        seen: "nothing: those who read have every picture in time",
        comes: "who reads nothing is dropped, and nobody else; the replica takes less than 100 kB for each socket, and 150 MB for all, more",
        within: Some(90),
        test: "sockets_that_read_nothing_cost_the_others_nothing",
    },
    Fault {
        name: "nginx reloads its configuration",
        seen: "nothing: sockets go on, or connect again at once",
        comes: "no request on a new connection fails",
        within: Some(60),
        test: "a_reload_of_nginx_fails_no_request_and_no_screen_misses_anything",
    },
    Fault {
        name: "a new version is rolled out, under load",
        seen: "each screen connects again, once for each replica at most",
        comes: "each comment that was taken is kept once; the next picture reaches every screen",
        within: Some(60),
        test: "a_rolling_restart_loses_no_write_and_no_screen",
    },
    Fault {
        name: "the working updater is killed",
        seen: "the last picture, with its time",
        comes: "whoever takes over goes on: what is handled stays so, revisions grow on, each opening is in history once",
        within: Some(60),
        test: "a_killed_updater_leaves_the_last_picture_and_its_successor_goes_on",
    },
    Fault {
        name: "an updater is frozen, and thaws after another took over",
        seen: "nothing",
        comes: "it finds out and gives up; what the other shows stays",
        within: Some(40),
        test: "a_frozen_updater_that_thaws_after_a_take_over_writes_nothing",
    },
    Fault {
        name: "two updaters take the lease from each other, over and over",
        seen: "nothing",
        comes: "revisions only grow; each opening is in history once",
        within: Some(40),
        test: "two_updaters_that_fight_for_the_lease_write_everything_once",
    },
    Fault {
        name: "the clock jumps forward",
        seen: "nothing, but that an acknowledgement or note that ends by then has ended",
        comes: "everything goes on by the clock as it is: what lasts has begun once in history, what begins and ends is there once",
        within: Some(60),
        test: "a_clock_that_jumps_forward_and_back_loses_and_doubles_nothing",
    },
    Fault {
        name: "the clock jumps back",
        seen: "nothing, but that times are those of the clock",
        comes: "jobs run by the clock as it is within seconds; revisions grow on; what lasts has begun once in history, what begins and ends is there once",
        within: Some(60),
        test: "a_clock_that_jumps_forward_and_back_loses_and_doubles_nothing",
    },
    Fault {
        name: "the clock jumps back while a source fails",
        seen: "its last events, and that nobody knows how old they are; the others go on",
        comes: "as soon as it answers",
        within: Some(60),
        test: "a_clock_that_jumps_forward_and_back_loses_and_doubles_nothing",
    },
    Fault {
        name: "the disk under the updater is full",
        seen: "events go on; templates say why no newer ones are read",
        comes: "the templates in use stay; read again as soon as there is room",
        within: Some(60),
        test: "a_full_disk_holds_up_the_templates_and_nothing_else",
    },
    Fault {
        name: "Redis dies, and comes back empty",
        seen: "the last picture, with its time",
        comes: "filled again; what people said comes from Postgres; revisions grow on",
        within: Some(60),
        test: "a_redis_that_comes_back_empty_is_filled_and_nothing_is_forgotten",
    },
    Fault {
        name: "a master behind Sentinels dies or hangs, while people write",
        seen: "the last picture, for some seconds",
        comes: "the new master is followed, nothing that was written is missing, revisions grow on; who comes back as a master is not believed",
        within: Some(60),
        test: "a_master_of_redis_that_dies_under_load_is_followed_by_its_successor",
    },
    Fault {
        name: "the node of a cluster that has Heat's slot dies, or the slot moves, while people write",
        seen: "the last picture, for some seconds",
        comes: "another node is followed, nothing that was written is missing, revisions grow on",
        within: Some(60),
        test: "on_a_cluster_the_picture_outlives_a_killed_node_and_a_moved_slot",
    },
    Fault {
        name: "Redis hangs",
        seen: "the last picture; `/status` too is answered",
        comes: "goes on as it answers again",
        within: None,
        test: "a_redis_that_hangs_does_not_hang_the_picture",
    },
    Fault {
        name: "Redis is out of memory",
        seen: "the last picture, with its time; comments are taken and shown later",
        comes: "the updater goes on as soon as Redis takes writes",
        within: Some(60),
        test: "a_redis_without_memory_or_notifications_or_config_loses_nothing",
    },
    Fault {
        name: "Redis' notifications are switched off",
        seen: "news, not at once",
        comes: "they are switched on again",
        within: Some(60),
        test: "a_redis_without_memory_or_notifications_or_config_loses_nothing",
    },
    Fault {
        name: "Redis forbids CONFIG, and sends no notifications",
        seen: "news, not at once: the keys are polled, which `/status` and the log say",
        comes: "nothing is lost",
        within: Some(60),
        test: "a_redis_without_memory_or_notifications_or_config_loses_nothing",
    },
    Fault {
        name: "Postgres is away",
        seen: "events go on; the chip of comments says so; writing is refused whole (503)",
        comes: "what was said stays on the screens; acknowledged stays acknowledged",
        within: Some(60),
        test: "without_postgres_events_go_on_and_comments_are_refused_whole",
    },
    Fault {
        name: "Postgres is restarted",
        seen: "nothing, or a write that is refused (503) and may be repeated",
        comes: "broken connections are replaced; what was taken is kept, once",
        within: Some(60),
        test: "whatever_postgres_cannot_do_is_refused_whole_and_nothing_handled_changes",
    },
    Fault {
        name: "Postgres is read-only",
        seen: "as while it is away, and what was said can be read",
        comes: "writing is taken again as soon as it can be",
        within: Some(60),
        test: "whatever_postgres_cannot_do_is_refused_whole_and_nothing_handled_changes",
    },
    Fault {
        name: "Postgres takes no more connections",
        seen: "as while it is away",
        comes: "as soon as it does again",
        within: Some(60),
        test: "whatever_postgres_cannot_do_is_refused_whole_and_nothing_handled_changes",
    },
    Fault {
        name: "Postgres hangs on a lock",
        seen: "events go on; a write is refused (503)",
        comes: "as soon as it answers; what was refused is not there",
        within: Some(60),
        test: "whatever_postgres_cannot_do_is_refused_whole_and_nothing_handled_changes",
    },
    Fault {
        name: "Postgres is far too slow: each question takes six seconds",
        seen: "events go on; the chip of comments says so; a write is refused (503)",
        comes: "as soon as it is quick again; what was refused is not there",
        within: Some(60),
        test: "whatever_postgres_cannot_do_is_refused_whole_and_nothing_handled_changes",
    },
    Fault {
        name: "the wake after a comment is lost",
        seen: "the comment, with the next beat",
        comes: "nothing is lost",
        within: Some(40),
        test: "a_comment_whose_wake_was_lost_shows_within_a_beat_even_while_snapshots_come_all_the_time",
    },
    Fault {
        name: "a source fails or answers nonsense",
        seen: "its last events, and why there are no newer ones; the others go on",
        comes: "as soon as it answers",
        within: Some(60),
        test: "a_source_that_is_slow_or_answers_garbage_keeps_its_events_and_holds_up_no_other",
    },
    Fault {
        name: "a source is slow",
        seen: "its last events, from an age on that counts as late; the others go on",
        comes: "as soon as it answers in time",
        within: Some(60),
        test: "a_source_that_is_slow_or_answers_garbage_keeps_its_events_and_holds_up_no_other",
    },
    Fault {
        name: "the certificate of a source is expired",
        seen: "its last events, and that it is the certificate; the others go on",
        comes: "as soon as there is a valid one; nothing is read from a source that is not trusted",
        within: Some(90),
        test: "a_source_whose_certificate_is_expired_is_not_believed_and_keeps_its_events",
    },
    Fault {
        name: "the inventory is damaged or empty",
        seen: "the last good one, and why",
        comes: "as soon as it is readable",
        within: Some(40),
        test: "a_damaged_inventory_file_and_an_empty_one_leave_the_last_good_inventory",
    },
    Fault {
        name: "the git server of the templates is gone",
        seen: "the active commit stays, and why no newer one is read",
        comes: "as soon as it answers",
        within: None,
        test: "templates_are_pulled_by_themselves_and_outlive_the_updater_and_their_repository",
    },
    Fault {
        name: "20,000 problems at once",
        seen: "all of them, each in its rack or visibly in none",
        comes: "each is in history once",
        within: Some(40),
        test: "a_storm_of_twenty_thousand_is_in_the_snapshot_whole_and_in_history_once",
    },
    Fault {
        name: "the tracker fails in every way it can, and updater and replicas are killed over and over",
        seen: "each ticket as not made yet, until it is",
        comes: "each ticket and each comment exists once",
        within: Some(1200),
        test: "however_often_processes_die_each_ticket_and_each_comment_is_made_once",
    },
    Fault {
        name: "a client sends its request slowly on purpose",
        seen: "nothing",
        comes: "it is dropped after 10 s; others are answered",
        within: None,
        test: "a_client_that_never_ends_its_headers_is_let_go_and_one_that_does_is_answered",
    },
];

/// The table of the manual; with the times of a run in one more column.
#[must_use]
pub fn table(measured: Option<&BTreeMap<String, Measured>>) -> String {
    let mut text = "| fault | what people see | what comes of it | well again within | test |".to_owned();
    text.push_str(if measured.is_some() {
        " measured |\n|---|---|---|---|---|---|\n"
    } else {
        "\n|---|---|---|---|---|\n"
    });
    for Fault { name, seen, comes, within, test } in FAULTS {
        let within = within.map_or_else(|| "—".to_owned(), |seconds| format!("{seconds} s"));
        let mut row = format!("| {name} | {seen} | {comes} | {within} | `{test}` |");
        if let Some(measured) = measured {
            let took =
                measured.get(*name).map_or_else(|| "—".to_owned(), |it| format!("{:.1} s", it.seconds));
            row = format!("{row} {took} |");
        }
        text.push_str(&row);
        text.push('\n');
    }
    text
}

/// The manual with the table as it is now.
///
/// # Errors
/// If the manual has no place for it.
pub fn written_into(manual: &str) -> anyhow::Result<String> {
    let place = || {
        let (before, rest) = manual.split_once(MARKS.0)?;
        Some((before, rest.split_once(MARKS.1)?.1))
    };
    let (before, after) = place().context("the manual has no place for the table of faults")?;
    Ok(format!("{before}{}{}{}{after}", MARKS.0, table(None), MARKS.1))
}

/// How long healing took.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The fault's name.
    pub fault: String,
    /// From the end of the fault, or its beginning where it does not end, until all was well.
    pub seconds: f64,
    /// Within which it has to be.
    pub within: u64,
}

/// Where measured times are kept.
#[must_use]
pub fn dir() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/faults");
    env::var_os(DIR).filter(|dir| !dir.is_empty()).map_or_else(default, PathBuf::from)
}

/// The times that the tests of the last runs measured, by the name of the fault.
///
/// # Errors
/// If one cannot be read.
pub fn measured(dir: &Path) -> anyhow::Result<BTreeMap<String, Measured>> {
    let files = fs::read_dir(dir).with_context(|| format!("no times were measured in {}", dir.display()))?;
    files
        .map(|file| {
            let measured: Measured = serde_json::from_slice(&fs::read(file?.path())?)?;
            Ok((measured.fault.clone(), measured))
        })
        .collect()
}

/// A fault has ended, and its test waits until all is well.
#[derive(Debug)]
#[must_use = "tell when all is well"]
pub struct Repair {
    fault: &'static Fault,
    within: Duration,
    start: Instant,
}

impl Repair {
    /// From now on.
    ///
    /// # Errors
    /// If there is no such fault, or nothing about it has to heal.
    pub fn begins(fault: &str) -> anyhow::Result<Self> {
        let known = FAULTS.iter().find(|known| known.name == fault);
        let fault = known.with_context(|| format!("not in the list of faults: {fault}"))?;
        let within = Duration::from_secs(
            fault.within.with_context(|| format!("no time is stated for: {}", fault.name))?,
        );
        Ok(Self { fault, within, start: Instant::now() })
    }

    /// All is well: tells the time it took.
    ///
    /// # Errors
    /// If it took longer than is stated, or cannot be kept.
    pub fn done(self) -> anyhow::Result<()> {
        let Self { fault, within, start } = self;
        let took = start.elapsed();
        println!("{}: well again after {:.1} s", fault.name, took.as_secs_f64());
        if took > within {
            bail!(
                "{}: it took {:.1} s, and {} s are stated",
                fault.name,
                took.as_secs_f64(),
                within.as_secs()
            );
        }
        let dir = dir();
        fs::create_dir_all(&dir)?;
        let measured =
            Measured { fault: fault.name.to_owned(), seconds: took.as_secs_f64(), within: within.as_secs() };
        let name: String =
            fault.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(80).collect();
        fs::write(dir.join(format!("{name}.json")), serde_json::to_vec_pretty(&measured)?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANUAL: &str = include_str!("../../OPERATIONS.md");

    /// Every source file of Rust beneath a folder of the repository.
    fn sources(folder: &Path, into: &mut String) -> anyhow::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                sources(&path, into)?;
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("devkit/src/faults.rs")
            {
                into.push_str(&fs::read_to_string(path)?);
            }
        }
        Ok(())
    }

    #[test]
    fn the_manual_has_the_table_of_faults_word_for_word() -> anyhow::Result<()> {
        let written = written_into(MANUAL)?;
        assert!(
            written == MANUAL,
            "run `target/debug/heat-dev faults --write infra/OPERATIONS.md`; it is to be\n{}",
            table(None)
        );
        Ok(())
    }

    #[test]
    fn each_fault_has_a_test_that_measures_its_repair_where_a_time_is_stated() -> anyhow::Result<()> {
        let (root, mut text) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), String::new());
        for folder in ["handlers", "jobs", "lib", "infra/devkit"] {
            sources(&root.join(folder), &mut text)?;
        }
        // However it is broken over lines.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("begins( ", "begins(");
        for Fault { name, within, test, .. } in FAULTS {
            assert!(text.contains(&format!("fn {test}(")), "there is no test {test}");
            let measures = text.contains(&format!("Repair::begins(\"{name}\""));
            assert_eq!(measures, within.is_some(), "{name}");
        }
        Ok(())
    }

    #[test]
    fn each_fault_is_named_once() {
        for fault in FAULTS {
            assert_eq!(FAULTS.iter().filter(|other| other.name == fault.name).count(), 1, "{}", fault.name);
        }
    }
}
