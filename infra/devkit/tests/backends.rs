//! The private stores, each a real server.

use std::{net::Ipv4Addr, time::Duration};

use heat_devkit::{
    backends::{MariaDb, Postgres, Redis},
    eventually,
    process::{Program, Signal, free_port},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// One exchange with a Redis in its inline form.
async fn say(redis: &Redis, command: &str) -> anyhow::Result<String> {
    let mut wire = TcpStream::connect((Ipv4Addr::LOCALHOST, redis.port()?)).await?;
    wire.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).await?;
    let mut answer = String::new();
    wire.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn first_value(url: &str, sql: &str) -> anyhow::Result<String> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let messages = client.simple_query(sql).await?;
    let value = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(value.unwrap_or_default().to_owned())
}

fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_killed_redis_comes_back_empty_on_the_same_port() -> anyhow::Result<()> {
    let mut redis = Redis::start().await?;
    let port = redis.port()?;
    assert!(say(&redis, "SET key kept").await?.starts_with("+OK"));

    redis.kill()?;
    assert!(say(&redis, "PING").await.is_err());
    redis.start_again_empty().await?;

    assert_eq!(redis.port()?, port);
    assert!(say(&redis, "GET key").await?.starts_with("$-1"));
    Ok(())
}

#[tokio::test]
async fn a_redis_can_be_started_as_a_managed_one_that_hides_its_settings() -> anyhow::Result<()> {
    let mut redis = Redis::with_args(&["--rename-command", "CONFIG", ""]).await?;
    assert!(say(&redis, "CONFIG GET maxmemory").await?.starts_with("-ERR unknown command"));
    redis.kill()?;
    redis.start_again_empty().await?;
    assert!(say(&redis, "CONFIG GET maxmemory").await?.starts_with("-ERR unknown command"));
    Ok(())
}

#[tokio::test]
async fn a_dropped_server_is_gone_with_its_directory() -> anyhow::Result<()> {
    let mut redis = Redis::start().await?;
    let pid = redis.process()?.pid();
    let answer = say(&redis, "CONFIG GET dir").await?;
    let dir = answer.lines().find(|line| line.starts_with('/')).expect("a directory").to_owned();
    assert!(std::fs::exists(&dir)?);
    drop(redis);
    assert!(!is_running(pid));
    assert!(!std::fs::exists(&dir)?);
    Ok(())
}

#[tokio::test]
async fn a_killed_postgres_comes_back_with_what_was_committed() -> anyhow::Result<()> {
    let mut postgres = Postgres::start().await?;
    let url = postgres.fresh_database().await?;
    first_value(&url, "create table kept (n int); insert into kept values (7)").await?;

    postgres.kill()?;
    assert!(first_value(&url, "select 1").await.is_err());
    postgres.start_again().await?;

    assert_eq!(first_value(&url, "select n from kept").await?, "7");
    Ok(())
}

#[tokio::test]
async fn databases_are_one_s_own_and_can_start_as_copies() -> anyhow::Result<()> {
    let postgres = Postgres::shared().await?;
    let first = postgres.fresh_database().await?;
    first_value(&first, "create table mine (n int)").await?;
    let second = postgres.fresh_database().await?;
    assert_eq!(first_value(&second, "select count(*) from pg_tables where tablename = 'mine'").await?, "0");

    let name = first.rsplit('/').next().expect("a database name").to_owned();
    // The copy waits for the connection above to be gone.
    let copy =
        eventually("a copy", PATIENCE, async || postgres.fresh_database_like(&name).await.ok()).await?;
    assert_eq!(first_value(&copy, "select count(*) from mine").await?, "0");
    Ok(())
}

#[tokio::test]
async fn a_mariadb_takes_sql_and_keeps_it_over_a_kill() -> anyhow::Result<()> {
    let mut mariadb = MariaDb::start().await?;
    let database = mariadb.fresh_database().await?;
    mariadb
        .execute_sql(&database, "create table rack (name text); insert into rack values ('Стойка 1')")
        .await?;
    mariadb.kill()?;
    mariadb.start_again().await?;
    assert_eq!(mariadb.execute_sql(&database, "select name from rack").await?, "Стойка 1\n");

    let refusal = mariadb.execute_sql(&database, "select nothing from nowhere").await.unwrap_err();
    assert!(refusal.to_string().contains("nowhere"), "{refusal}");
    Ok(())
}

#[tokio::test]
async fn a_program_that_fails_says_why() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut program = Program::new("failing", "sh")
        .args(["-c", "echo no disk; exit 3"])
        .log(dir.path().join("failing.log"))
        .spawn()?;
    let address = (Ipv4Addr::LOCALHOST, free_port()?).into();
    let error = program.ready_tcp(address, PATIENCE).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("no disk"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_frozen_program_does_nothing_until_it_is_thawed() -> anyhow::Result<()> {
    let mut redis = Redis::start().await?;
    redis.process()?.freeze()?;
    let silence = tokio::time::timeout(Duration::from_millis(300), say(&redis, "PING")).await;
    assert!(silence.is_err(), "a frozen server answered");
    redis.process()?.thaw()?;
    assert!(say(&redis, "PING").await?.starts_with("+PONG"));
    Ok(())
}

#[tokio::test]
async fn a_program_that_will_not_stop_is_killed() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut stubborn = Program::new("stubborn", "sh")
        .args(["-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"])
        .log(dir.path().join("stubborn.log"))
        .spawn()?;
    let pid = stubborn.pid();
    eventually("it to be deaf", PATIENCE, async || (stubborn.log_tail(1) == "deaf").then_some(())).await?;
    stubborn.signal(Signal::TERM)?;
    let outcome = stubborn.ended(Duration::from_millis(300)).await;
    assert!(outcome.unwrap_err().to_string().contains("killed it"));
    assert!(!is_running(pid));
    Ok(())
}

/// The thread that forks must not be the test runtime's: its workers end before the process does.
#[test]
fn children_outlive_the_thread_that_asked_for_them() -> anyhow::Result<()> {
    let mut child =
        std::thread::spawn(|| Program::new("child", "sleep").arg("60").spawn()).join().expect("no panic")?;
    assert!(child.exited().is_none());
    std::thread::sleep(Duration::from_millis(100));
    assert!(child.exited().is_none());
    Ok(())
}

/// `kill -9` of a parent, here this same test binary run again, takes the stores it started with it.
#[tokio::test]
async fn children_end_with_their_parent_even_when_it_is_killed() -> anyhow::Result<()> {
    const PIDS: &str = "HEAT_DEVKIT_PIDS_OF_A_PARENT";
    if let Some(file) = std::env::var_os(PIDS) {
        let (mut redis, mut postgres) = (Redis::start().await?, Postgres::start().await?);
        let pids = format!("{} {}.", redis.process()?.pid(), postgres.process()?.pid());
        std::fs::write(file, pids)?;
        std::future::pending::<()>().await;
    }
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("pids");
    let mut parent = Program::new("parent", std::env::current_exe()?)
        .args(["--exact", "children_end_with_their_parent_even_when_it_is_killed"])
        .env(PIDS, &file)
        .env("TMPDIR", dir.path())
        .spawn()?;
    let pids = eventually("the parent's children", PATIENCE, async || {
        std::fs::read_to_string(&file).ok()?.strip_suffix('.').map(str::to_owned)
    })
    .await?;
    let pids: Vec<u32> = pids.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    assert!(pids.iter().all(|&pid| is_running(pid)));
    parent.kill9()?;
    eventually("both to end", PATIENCE, async || pids.iter().all(|&pid| !is_running(pid)).then_some(())).await
}
