//! Two updaters at odds, a full disk, and a source's certificate that is over.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use heat::db::acknowledgements::Terms;
use heat::handled::Handled;
use heat::snapshot::Status;
use heat_devkit::eventually;
use heat_devkit::faults::Repair;
use heat_devkit::git::Entry;
use heat_devkit::process::{Process, Program, START_PATIENCE, Signal, free_port};
use tempfile::TempDir;

use crate::stage::{Stage, event, source};
use crate::{PATIENCE, handled};

#[tokio::test(flavor = "multi_thread")]
async fn two_updaters_that_fight_for_the_lease_write_everything_once() {
    let stage = Stage::set().await;
    let number = stage.zabbix.fire("srv-1", "ICMP", 5);
    // At once, as after a power cut.
    let (_one, _other) = (stage.updater(), stage.updater());
    let first = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    stage.acknowledge(event(&first, "srv-1").unwrap(), &Terms::default()).await;
    let mut last = stage.snapshot_where(|s| handled(s, "srv-1") == Some(Handled::Acknowledged)).await;
    let repair = Repair::begins("two updaters take the lease from each other, over and over").unwrap();
    let mut owners = std::collections::BTreeSet::new();
    for round in 0..6 {
        // Whoever works loses the lease to whoever looks first.
        if let Some(owner) = stage.cache.lease_owner().await.unwrap() {
            stage.cache.release_lease(&owner).await.unwrap();
            owners.insert(owner);
        }
        let trigger = format!("Round {round}");
        stage.zabbix.fire("srv-2", &trigger, 3);
        let now = stage.snapshot_where(|s| s.events.iter().any(|e| e.name == trigger)).await;
        assert!(now.revision.0 > last.revision.0);
        assert_eq!(handled(&now, "srv-1"), Some(Handled::Acknowledged));
        last = now;
    }
    stage.open_where(|open| open.len() == 7).await;
    assert!(stage.zabbix.resolve_event(number));
    stage.open_where(|open| open.len() == 6).await;
    repair.done().unwrap();
    println!("{} updaters worked in turn", owners.len());
}

/// A small file system in memory, as long as it lives.
struct Small(TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k", "heat-test"]).arg(dir.path());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: the updater may end after it.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_holds_up_the_templates_and_nothing_else() {
    let Some(disk) = Small::mount() else {
        eprintln!("NOT TESTED: a full disk, because nothing can be mounted here (it takes root)");
        return;
    };
    let (stage, template) = (Stage::set().await, "---\ntitle: A\nqueue: NOC\nsummary: Fire\n---\nFire\n");
    let templates = stage.repository();
    let commit =
        |text: &str| templates.commit("master", "A commit", &[Entry::file("tickets/a.md.j2", text)]).unwrap();
    let first = commit(template);
    let updater = stage.program().env("TMPDIR", disk.0.path());
    let updater =
        updater.env("HEAT_TEMPLATES_URL", templates.url()).env("HEAT_TEMPLATES_CRON", "* * * * * *");
    let _updater = updater.spawn().unwrap();
    stage.zabbix.fire("srv-1", "ICMP", 5);
    stage.snapshot_where(|s| s.templates_version == first && event(s, "srv-1").is_some()).await;

    let ballast = disk.0.path().join("ballast");
    let full = fs::write(&ballast, vec![0; 1 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let second = commit(&template.replace("Fire", "Smoke"));
    let why = eventually("the templates to be missed", PATIENCE, async || {
        stage.cache.templates_record().await.ok()??.pull_error
    });
    let why = why.await.unwrap();
    stage.zabbix.fire("srv-2", "ICMP", 4);
    let meanwhile = stage.snapshot_where(|s| event(s, "srv-2").is_some()).await;
    assert_eq!(
        (&*meanwhile.templates_version, event(&meanwhile, "srv-1").is_some()),
        (&*first, true),
        "{why}"
    );

    fs::remove_file(ballast).unwrap();
    let repair = Repair::begins("the disk under the updater is full").unwrap();
    stage.snapshot_where(|s| s.templates_version == second).await;
    repair.done().unwrap();
}

fn openssl(dir: &Path, args: &str) {
    let output = Command::new("openssl").args(args.split(' ')).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A certificate of an authority of its own, which ends so many days from now.
fn certificate(dir: &Path, days: i32) {
    openssl(
        dir,
        &format!(
            "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile ext -out leaf.pem"
        ),
    );
}

/// TLS in front of a source.
async fn with_tls(dir: &Path, before: &str) -> (Process, String) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(dir, &format!("req -x509 {key} -days 30 -subj /CN=authority -keyout ca.key -out ca.pem"));
    openssl(dir, &format!("req -new {key} -subj /CN=source -keyout leaf.key -out leaf.csr"));
    fs::write(dir.join("ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    certificate(dir, 30);
    let (port, at) = (free_port().unwrap(), dir.display());
    let config = format!(
        "daemon off; pid {at}/nginx.pid; error_log stderr; events {{}}\n\
         http {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; fastcgi_temp_path {at}/fastcgi;\n\
         uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi; keepalive_timeout 0;\n\
         server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {at}/leaf.pem; ssl_certificate_key {at}/leaf.key;\n\
         location / {{ proxy_pass {before}; proxy_buffering off; }} }} }}\n"
    );
    let file = dir.join("nginx.conf");
    fs::write(&file, config).unwrap();
    let nginx = Program::new("nginx", "/usr/sbin/nginx").arg("-c").arg(&file).args(["-e", "stderr"]);
    let mut nginx = nginx.last_signal(Signal::TERM).log(dir.join("nginx.log")).spawn().unwrap();
    nginx.ready_tcp(([127, 0, 0, 1], port).into(), START_PATIENCE).await.unwrap();
    (nginx, format!("https://127.0.0.1:{port}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_certificate_is_expired_is_not_believed_and_keeps_its_events() {
    let (stage, files) = (Stage::set().await, TempDir::new().unwrap());
    let zabbix: url::Url = stage.zabbix.url().parse().unwrap();
    let (mut nginx, url) = with_tls(files.path(), zabbix.origin().ascii_serialization().as_str()).await;
    stage.zabbix.fire("srv-1", "ICMP", 5);
    let updater = stage
        .program()
        .env("HEAT_ZABBIX_URL", format!("{url}{}", zabbix.path()))
        .env("HEAT_JUGGLER_URL", stage.juggler.url())
        .env("HEAT_JUGGLER_TOKEN", stage.juggler.token())
        .env("SSL_CERT_FILE", files.path().join("ca.pem"));
    let _updater = updater.spawn().unwrap();
    let shown = stage.snapshot_where(|s| event(s, "srv-1").is_some()).await;
    stage.acknowledge(event(&shown, "srv-1").unwrap(), &Terms::default()).await;
    stage.snapshot_where(|s| handled(s, "srv-1").is_some()).await;

    certificate(files.path(), -1);
    nginx.signal(Signal::HUP).unwrap();
    let failing = stage.snapshot_where(|s| source(s, "zabbix").status == Status::Failed).await;
    let why = source(&failing, "zabbix").error.clone().unwrap();
    assert!(why.contains("cannot be trusted"), "{why}");
    stage.zabbix.resolve("srv-1", "ICMP");
    stage.juggler.set(heat_devkit::sim::RawEvent::new("srv-2", "disk", "CRIT"));
    let both = stage.snapshot_where(|s| event(s, "srv-2").is_some()).await;
    assert_eq!(handled(&both, "srv-1"), Some(Handled::Acknowledged), "what nobody can be asked about stays");

    certificate(files.path(), 30);
    let repair = Repair::begins("the certificate of a source is expired").unwrap();
    nginx.signal(Signal::HUP).unwrap();
    eventually("the source to be read again", Duration::from_secs(90), async || {
        let snapshot = stage.snapshot().await?;
        (source(&snapshot, "zabbix").status == Status::Ok && event(&snapshot, "srv-1").is_none())
            .then_some(())
    })
    .await
    .unwrap();
    repair.done().unwrap();
}
