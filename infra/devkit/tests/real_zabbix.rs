//! The whole stack on a real Zabbix, as a stranger would try it: `infra/test --real`.

use std::{env, fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use heat_devkit::{
    eventually,
    stack::{Options, Stack},
};
use serde_json::Value;

/// How the name of the trigger of `svc.state` begins, as `infra/real/zabbix` made it.
const NAME: &str = "Service is down on srv-00001";

/// `infra/real/zabbix fire srv-00001:svc.state`, or `resolve`; returns when Zabbix has it.
fn zabbix(verb: &str) -> anyhow::Result<()> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../real/zabbix");
    let done = Command::new(tool).args([verb, "srv-00001:svc.state"]).output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Zabbix: infra/test --real"]
async fn a_trigger_of_a_real_zabbix_comes_and_goes_on_the_map_of_its_hosts() -> anyhow::Result<()> {
    // A Zabbix and its token alone: its own hosts make the map, and nothing is simulated.
    env::var("HEAT_ZABBIX_URL")
        .and(env::var("HEAT_ZABBIX_TOKEN"))
        .context("HEAT_ZABBIX_URL or _TOKEN is not set")?;
    let dir = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
    fs::write(dir.path().join("index.html"), "<!doctype html><title>Heat</title>")?;
    let options = Options::in_folder(dir.path(), 1)?;
    zabbix("resolve")?;
    let stack = Stack::up(&options, &|_| ()).await?;
    ensure!(stack.simulation.is_none() && stack.mariadb.is_none(), "something is simulated");
    let http = reqwest::Client::builder().no_proxy().build()?;
    let is_ours = |event: &&Value| event["name"].as_str().is_some_and(|name| name.starts_with(NAME));
    let event = async || -> Option<Option<Value>> {
        let answer = http.get(format!("{}/api/v1/snapshot", stack.url())).send().await.ok()?;
        let snapshot: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
        Some(snapshot["events"].as_array()?.iter().find(is_ours).cloned())
    };
    let patience = Duration::from_secs(30);

    zabbix("fire")?;
    let fired = eventually("the problem", patience, async || event().await?).await?;
    ensure!(fired["host"] == "srv-00001" && fired["severity"] == 4, "{fired}");
    ensure!(fired["rack_id"].is_u64() && fired["device_id"].is_u64(), "it stands nowhere: {fired}");

    zabbix("resolve")?;
    eventually("the problem to be gone", patience, async || event().await?.is_none().then_some(())).await?;
    stack.down().await
}
