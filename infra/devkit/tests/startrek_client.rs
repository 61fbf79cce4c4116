//! The official Python client of Yandex Tracker on the simulated one: whether the simulator answers as the tracker does is
//! decided by somebody else's code.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use heat_devkit::sim::{Fault, Rule, Startrek, StartrekOptions};
use tokio::process::Command;

const CLIENT: &str = "yandex_tracker_client==2.10";

async fn run(program: impl AsRef<OsStr>, arguments: &[&OsStr]) -> anyhow::Result<()> {
    let program = program.as_ref();
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().await;
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(
        output.status.success(),
        "{} {arguments:?}:\n{}",
        program.display(),
        String::from_utf8_lossy(&said)
    );
    Ok(())
}

/// The Python that has the client, made once and kept among the build's files.
async fn python() -> anyhow::Result<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("startrek-client");
    let (python, ready) = (home.join("bin/python"), home.join(CLIENT));
    // The tests of this file run side by side, even in processes of their own.
    let lock = File::create(home.with_extension("lock"))?;
    lock.lock()?;
    if !ready.exists() {
        // What an earlier attempt left may be half of one.
        let make = [OsStr::new("-m"), OsStr::new("venv"), OsStr::new("--clear"), home.as_os_str()];
        run("python3", &make).await.context("Debian's package python3-venv is needed")?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", CLIENT];
        run(&python, &install.map(OsStr::new)).await.context("PyPI is needed")?;
        fs::write(ready, "")?;
    }
    Ok(python)
}

#[tokio::test]
async fn the_official_client_works_with_the_simulator_in_both_versions() -> anyhow::Result<()> {
    let python = python().await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/startrek_client.py");
    let startrek = Startrek::start(StartrekOptions::default()).await?;
    let url = startrek.url();
    for (version, runs) in [("v2", 1), ("v3", 2)] {
        let arguments = [
            script.as_os_str(),
            url.as_ref(),
            startrek.token().as_ref(),
            startrek.org().as_ref(),
            version.as_ref(),
        ];
        run(&python, &arguments).await?;
        assert_eq!(startrek.issues().len(), 8 * runs);
        assert_eq!(startrek.asked_for("find_by_unique").len(), runs, "the second creation was looked up");
    }
    Ok(())
}

/// The client's own way out of a broken connection is Heat's: the same creation again, and then a look at what is there.
#[tokio::test]
async fn the_official_client_makes_one_issue_through_a_connection_that_breaks() -> anyhow::Result<()> {
    let python = python().await?;
    let startrek = Startrek::start(StartrekOptions::default()).await?;
    startrek.inject(Rule::new(Fault::CommitThenDrop).on("create").times(1));
    startrek.inject(Rule::new(Fault::Status(502)).on("create").after(1).times(1));
    let create = format!(
        "from yandex_tracker_client import TrackerClient as T; \
         print(T(token='{}', org_id='{}', base_url='{}').issues.create(queue='NETOPS', summary='x').key)",
        startrek.token(),
        startrek.org(),
        startrek.url()
    );
    run(&python, &[OsStr::new("-c"), create.as_ref()]).await?;
    assert_eq!((startrek.asked_for("create").len(), startrek.issues().len()), (3, 1));
    Ok(())
}
