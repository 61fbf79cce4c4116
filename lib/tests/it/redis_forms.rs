//! Redis as sites have it: with TLS and users, behind Sentinels, and as a cluster. Real servers, which really die.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use heat::cache::{
    Cache, CacheError, CachedSnapshot, Fence, Follow, Hint, JobRecord, Notifications, ReplicaRecord,
    SourceHealth,
};
use heat::config::Secret;
use heat::packed::Packed;
use heat::time::Timestamp;
use heat::view::ViewId;
use heat_devkit::backends::{Redis, RedisCluster, RedisSentinel};
use heat_devkit::eventually;
use heat_devkit::process::free_port;

const PATIENCE: Duration = Duration::from_mins(1);
const NOW: Timestamp = Timestamp::from_unix(1_795_468_075);

fn snapshot(revision: u64) -> CachedSnapshot {
    CachedSnapshot { revision, body: Packed::new(format!("{{\"revision\":{revision}}}").as_bytes()).unwrap() }
}

async fn write(cache: &Cache, fence: Fence, revision: u64) -> Result<(), CacheError> {
    cache.write_snapshot(fence, NOW, &snapshot(revision)).await
}

/// Writes until it is taken.
async fn written(cache: &Cache, fence: Fence, revision: u64) {
    let mut refused = String::new();
    let taken = eventually("a write to be taken", PATIENCE, async || {
        write(cache, fence, revision).await.map_err(|error| refused = error.to_string()).ok()
    });
    if let Err(late) = taken.await {
        panic!("{late}; the last one: {refused}");
    }
    assert_eq!(cache.revision().await.unwrap(), Some(revision));
}

/// Sooner than a subscription is made anew for its silence alone.
const HEARD_WITHIN: Duration = Duration::from_secs(25);

/// Waits until whoever follows hears of changes by notifications, and then of this very one.
async fn heard(follow: &mut Follow, cache: &Cache, fence: Fence, revision: u64) {
    let mut mode = follow.notifications();
    eventually("a write to be heard of", HEARD_WITHIN, async || {
        mode.wait_for(|mode| *mode == Notifications::On).await.unwrap();
        write(cache, fence, revision).await.ok()?;
        let heard = async { while follow.next().await != Hint::Changed {} };
        tokio::time::timeout(Duration::from_secs(2), heard).await.ok()
    })
    .await
    .unwrap();
}

/// Every line of `CLIENT LIST` about a connection that ran a script last.
async fn writers(sentinel: &RedisSentinel, port: u16) -> BTreeSet<String> {
    let list = sentinel.ask(port, "CLIENT LIST").await.unwrap();
    let id = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    list.lines().filter(|line| line.contains("cmd=eval")).map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_sentinels_a_killed_master_is_followed_by_its_successor() {
    let mut sentinel = RedisSentinel::start().await.unwrap();
    let cache = Cache::new(&Secret::new(sentinel.url()), sentinel.prefix()).unwrap();
    let mut follow = cache.follow(cache.keys().snapshot());
    assert_eq!(follow.next().await, Hint::Look);
    let fence = cache.take_lease("one").await.unwrap().unwrap();
    heard(&mut follow, &cache, fence, 1).await;
    // The fence survives with its replicas.
    sentinel.replicated().await.unwrap();

    let old = sentinel.master().await.unwrap();
    assert!(cache.whereabouts().await.unwrap().contains(&old.to_string()));
    sentinel.server(old).unwrap().kill9().unwrap();
    let killed = Instant::now();
    written(&cache, fence, 2).await;
    println!("a killed master: writes are taken again after {:.1} s", killed.elapsed().as_secs_f32());
    heard(&mut follow, &cache, fence, 3).await;
    println!("a killed master: notifications come again after {:.1} s", killed.elapsed().as_secs_f32());

    let new = sentinel.master_other_than(old).await.unwrap();
    assert!(cache.whereabouts().await.unwrap().contains(&new.to_string()));
    assert!(cache.renew_lease("one", fence).await.unwrap(), "the lease has moved with the fence");
    // Who comes back as a master is made a replica, and nothing of what it says is believed.
    sentinel.start_again_empty(old).await.unwrap();
    sentinel.whole().await.unwrap();
    assert_eq!(cache.revision().await.unwrap(), Some(3));
    heard(&mut follow, &cache, fence, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_sentinels_a_master_that_hangs_or_is_demoted_is_left_while_it_stands() {
    let mut sentinel = RedisSentinel::start().await.unwrap();
    let cache = Cache::new(&Secret::new(sentinel.url()), sentinel.prefix()).unwrap();
    let mut follow = cache.follow(cache.keys().snapshot());
    let fence = cache.take_lease("one").await.unwrap().unwrap();
    heard(&mut follow, &cache, fence, 1).await;
    // The fence survives with its replicas.
    sentinel.replicated().await.unwrap();

    let first = sentinel.master().await.unwrap();
    sentinel.server(first).unwrap().freeze().unwrap();
    let frozen = Instant::now();
    written(&cache, fence, 2).await;
    println!("a frozen master: writes are taken again after {:.1} s", frozen.elapsed().as_secs_f32());
    heard(&mut follow, &cache, fence, 3).await;
    println!("a frozen master: notifications come again after {:.1} s", frozen.elapsed().as_secs_f32());
    sentinel.server(first).unwrap().thaw().unwrap();
    sentinel.whole().await.unwrap();
    assert_eq!(cache.revision().await.unwrap(), Some(3));

    let second = sentinel.master().await.unwrap();
    assert_ne!(first, second);
    // Sentinels do not choose anew within twice the time a failover may take.
    eventually("a failover", PATIENCE, async || sentinel.fail_over().await.ok()).await.unwrap();
    sentinel.master_other_than(second).await.unwrap();
    written(&cache, fence, 4).await;
    heard(&mut follow, &cache, fence, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_turns_out_to_be_read_only_is_not_used_again() {
    let sentinel = RedisSentinel::start().await.unwrap();
    let cache = Cache::new(&Secret::new(sentinel.url()), sentinel.prefix()).unwrap();
    let fence = cache.take_lease("one").await.unwrap().unwrap();
    let master = sentinel.master().await.unwrap();
    let before = writers(&sentinel, master).await;
    assert_eq!(before.len(), 1);

    let replicas = sentinel.ask(master, "INFO replication").await.unwrap();
    let replica = replicas.split("port=").nth(1).unwrap().split(',').next().unwrap();
    sentinel.ask(master, &format!("REPLICAOF 127.0.0.1 {replica}")).await.unwrap();
    let refused = write(&cache, fence, 1).await.unwrap_err();
    assert!(matches!(refused, CacheError::Redis(_)), "{refused}");
    eventually("the connection to be closed", PATIENCE, async || {
        writers(&sentinel, master).await.is_disjoint(&before).then_some(())
    })
    .await
    .unwrap();

    sentinel.ask(master, "REPLICAOF NO ONE").await.unwrap();
    written(&cache, fence, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_and_sentinels_have_their_own_passwords_and_a_wrong_one_is_not_told() {
    let sentinel = RedisSentinel::start().await.unwrap();
    let ping = async |url: &str| Cache::new(&Secret::new(url), sentinel.prefix()).unwrap().ping().await;
    ping(sentinel.url()).await.unwrap();
    for (right, wrong) in [("ge%2Fheim", "wrong-one"), ("w%26w", "wrong-one"), ("/heat/", "/other/")] {
        let url = sentinel.url().replace(right, wrong);
        assert_ne!(url, sentinel.url());
        let error = ping(&url).await.unwrap_err().to_string();
        assert!(!error.contains("wrong-one"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_everything_is_at_one_node_and_goes_along_when_its_slot_moves() {
    let cluster = RedisCluster::start().await.unwrap();
    let cache = Cache::new(&Secret::new(cluster.url()), cluster.prefix()).unwrap();
    let key = cache.keys().snapshot();
    let mut follow = cache.follow(key.clone());
    assert_eq!(follow.next().await, Hint::Look);
    let fence = cache.take_lease("one").await.unwrap().unwrap();
    heard(&mut follow, &cache, fence, 1).await;
    cache.ping().await.unwrap();
    for name in ["a", "b"] {
        cache.write_source(fence, name, &SourceHealth::default(), None, None, None).await.unwrap();
        let job = JobRecord { name: name.into(), ..JobRecord::default() };
        cache.write_job(fence, &job).await.unwrap();
        let replica = ReplicaRecord { id: name.into(), ..ReplicaRecord::default() };
        cache.write_replica(&replica).await.unwrap();
    }
    cache.forget_view(fence, "7".parse::<ViewId>().unwrap()).await.unwrap();
    cache.tell_changed().await.unwrap();
    assert_eq!(cache.source_names().await.unwrap(), ["a", "b"]);
    assert_eq!((cache.jobs().await.unwrap().len(), cache.replicas().await.unwrap().len()), (2, 2));

    let old = cluster.owner(&key).await.unwrap();
    assert!(cache.whereabouts().await.unwrap().contains(&old.to_string()));
    let new = cluster.masters().await.unwrap().into_iter().find(|port| *port != old).unwrap();
    // Under load: whoever writes meanwhile waits at most.
    let writer = tokio::spawn({
        let cache = cache.clone();
        async move {
            for revision in 2..200 {
                write(&cache, fence, revision).await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok::<_, CacheError>(())
        }
    });
    cluster.move_slot(&key, new).await.unwrap();
    let moved = Instant::now();
    writer.await.unwrap().unwrap();
    assert_eq!(cluster.owner(&key).await.unwrap(), new);
    assert_eq!(cache.revision().await.unwrap(), Some(199));
    heard(&mut follow, &cache, fence, 200).await;
    println!("a moved slot: notifications come again within {:.1} s", moved.elapsed().as_secs_f32());
    assert!(cache.whereabouts().await.unwrap().contains(&new.to_string()));
    assert_eq!(cache.source_names().await.unwrap(), ["a", "b"], "they have moved, and are looked for there");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_cluster_a_killed_node_is_followed_by_its_replica_and_a_dead_cluster_comes_back() {
    let mut cluster = RedisCluster::start().await.unwrap();
    let cache = Cache::new(&Secret::new(cluster.url()), cluster.prefix()).unwrap();
    let key = cache.keys().snapshot();
    let mut follow = cache.follow(key.clone());
    let fence = cache.take_lease("one").await.unwrap().unwrap();
    heard(&mut follow, &cache, fence, 1).await;

    let old = cluster.owner(&key).await.unwrap();
    // The fence survives with its replica.
    cluster.replicated(old).await.unwrap();
    cluster.node(old).unwrap().kill9().unwrap();
    let killed = Instant::now();
    written(&cache, fence, 2).await;
    println!("a killed node: writes are taken again after {:.1} s", killed.elapsed().as_secs_f32());
    heard(&mut follow, &cache, fence, 3).await;
    println!("a killed node: notifications come again after {:.1} s", killed.elapsed().as_secs_f32());
    cluster.owner_other_than(&key, old).await.unwrap();

    cluster.kill_all().unwrap();
    assert!(write(&cache, fence, 4).await.is_err());
    cluster.start_again_empty().await.unwrap();
    let started = Instant::now();
    let fence = eventually("the lease", PATIENCE, async || cache.take_lease("one").await.ok().flatten())
        .await
        .unwrap();
    written(&cache, fence, 5).await;
    heard(&mut follow, &cache, fence, 6).await;
    println!("a cluster that died whole: goes on {:.1} s after it is back", started.elapsed().as_secs_f32());
}

fn openssl(dir: &Path, line: &str) {
    let done = Command::new("openssl").args(line.split(' ')).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The test runs itself again with another environment: which authorities are trusted is read from there.
#[tokio::test]
async fn with_tls_a_private_authority_is_trusted_by_its_file_and_nobody_else_is() {
    const URL: &str = "HEAT_TEST_TLS_URL";
    if let Ok(url) = std::env::var(URL) {
        let cache = Cache::new(&Secret::new(url), "heat").unwrap();
        if let Err(error) = cache.ping().await {
            panic!("refused: {error}");
        }
        let mut follow = cache.follow(cache.keys().snapshot());
        let fence = cache.take_lease("one").await.unwrap().unwrap();
        heard(&mut follow, &cache, fence, 1).await;
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    openssl(
        dir.path(),
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=Site -days 2",
    );
    openssl(dir.path(), "req -newkey rsa:2048 -nodes -keyout redis.key -out redis.csr -subj /CN=redis");
    std::fs::write(dir.path().join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl(
        dir.path(),
        "x509 -req -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out redis.pem",
    );
    let key = dir.path().join("redis.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (port, certificate) = (free_port().unwrap().to_string(), dir.path().join("redis.pem"));
    let _redis = Redis::with_args(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        certificate.to_str().unwrap(),
        "--tls-key-file",
        key.to_str().unwrap(),
        "--tls-auth-clients",
        "no",
        "--user",
        "noc",
        "on",
        ">ge/heim",
        "~*",
        "&*",
        "+@all",
    ])
    .await
    .unwrap();
    let run = |authority: &str, user: &str| {
        let out = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "redis_forms::with_tls_a_private_authority_is_trusted_by_its_file_and_nobody_else_is",
            ])
            .env(URL, format!("rediss://{user}@127.0.0.1:{port}/2"))
            .env("SSL_CERT_FILE", authority)
            .output()
            .unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let authority = dir.path().join("ca.pem");
    let (well, said) = run(authority.to_str().unwrap(), "noc:ge%2Fheim");
    assert!(well, "{said}");
    let (well, said) = run(authority.to_str().unwrap(), "noc:other");
    assert!(!well && said.contains("refused") && !said.contains("other@"), "{said}");
    let (well, said) = run("/etc/ssl/certs/ca-certificates.crt", "noc:ge%2Fheim");
    assert!(!well && said.contains("refused"), "{said}");
}
