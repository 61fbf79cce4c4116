//! The schema's migrations as such: each can be taken back, leaves nothing behind, and takes nothing from the version before.

use std::{collections::BTreeSet, fs, path::PathBuf};

use heat_devkit::backends::Postgres;
use tokio_postgres::{Client, NoTls};

/// Every migration's folder, oldest first.
fn migrations() -> anyhow::Result<Vec<PathBuf>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut folders: Vec<PathBuf> = fs::read_dir(root)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path: &anyhow::Result<PathBuf>| path.as_ref().is_ok_and(|path| path.is_dir()))
        .collect::<anyhow::Result<_>>()?;
    folders.sort();
    Ok(folders)
}

/// Everything in the database that a migration can make, as text.
async fn objects(client: &Client) -> anyhow::Result<Vec<String>> {
    let sql = "
        select concat_ws(' ', 'relation', relkind, relname) from pg_class where relnamespace = 'public'::regnamespace
        union all
        select concat_ws(' ', 'column', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull)
          from pg_attribute join pg_class on attrelid = pg_class.oid
         where relnamespace = 'public'::regnamespace and attnum > 0 and not attisdropped
        union all
        select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
          from pg_constraint where connamespace = 'public'::regnamespace
        union all
        select concat_ws(' ', 'function', proname, prosrc) from pg_proc where pronamespace = 'public'::regnamespace
        union all
        select concat_ws(' ', 'type', typname) from pg_type
         where typnamespace = 'public'::regnamespace and typtype in ('e', 'd')
        union all
        select concat_ws(' ', 'trigger', tgrelid::regclass, pg_get_triggerdef(oid)) from pg_trigger where not tgisinternal
        order by 1";
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

#[tokio::test]
async fn each_migration_can_be_taken_back_and_made_again() -> anyhow::Result<()> {
    let postgres = Postgres::shared().await?;
    let (client, connection) = tokio_postgres::connect(&postgres.fresh_database().await?, NoTls).await?;
    tokio::spawn(connection);
    let migrations = migrations()?;
    assert!(!migrations.is_empty());
    for folder in migrations {
        let (up, down) =
            (fs::read_to_string(folder.join("up.sql"))?, fs::read_to_string(folder.join("down.sql"))?);
        let name = folder.display();
        let before = objects(&client).await?;
        client.batch_execute(&up).await?;
        let after = objects(&client).await?;
        assert_ne!(before, after, "{name} changes nothing");
        client.batch_execute(&down).await?;
        assert_eq!(objects(&client).await?, before, "{name} leaves something behind");
        client.batch_execute(&up).await?;
        assert_eq!(objects(&client).await?, after, "{name} is not the same the second time");
    }
    Ok(())
}

/// What a program may use or must obey.
struct Schema {
    /// Tables, columns with their types, functions.
    used: BTreeSet<String>,
    /// Columns that must be given a value, by table.
    needed: BTreeSet<(String, String)>,
    /// What a row must obey, by table, and over which columns.
    rules: BTreeSet<(String, String, Vec<String>)>,
}

async fn schema(client: &Client) -> anyhow::Result<Schema> {
    let of = "relnamespace = 'public'::regnamespace";
    let used = format!(
        "select concat_ws(' ', 'table', relname) from pg_class where relkind = 'r' and {of}
         union all
         select concat_ws(' ', 'column', attrelid::regclass, attname, format_type(atttypid, atttypmod))
           from pg_attribute join pg_class on attrelid = pg_class.oid
          where relkind = 'r' and {of} and attnum > 0 and not attisdropped
         union all
         select concat_ws(' ', 'function', oid::regprocedure) from pg_proc where pronamespace = 'public'::regnamespace"
    );
    let needed = format!(
        "select attrelid::regclass::text, attname::text from pg_attribute join pg_class on attrelid = pg_class.oid
          where relkind = 'r' and {of} and attnum > 0 and not attisdropped
            and attnotnull and not atthasdef and attidentity = ''"
    );
    let columns = |table: &str, keys: &str| {
        format!(
            "array(select attname::text from pg_attribute where attrelid = {table} and attnum = any ({keys}) order by 1)"
        )
    };
    let (of_rule, of_index) = (columns("conrelid", "conkey"), columns("indrelid", "indkey::int2[]"));
    let rules = format!(
        "select conrelid::regclass::text, pg_get_constraintdef(oid), {of_rule} from pg_constraint
          where connamespace = 'public'::regnamespace and conrelid <> 0
         union
         select indrelid::regclass::text, pg_get_indexdef(indexrelid), {of_index} from pg_index
           join pg_class on indrelid = pg_class.oid where indisunique and {of}"
    );
    Ok(Schema {
        used: client.query(&used, &[]).await?.iter().map(|row| row.get(0)).collect(),
        needed: client.query(&needed, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect(),
        rules: client
            .query(&rules, &[])
            .await?
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect(),
    })
}

/// What a program that knows only the schema before would stumble over in the one after.
fn breaks(before: &Schema, after: &Schema) -> Vec<String> {
    let is_old = |table: &str| before.used.contains(&format!("table {table}"));
    let knows = |table: &str, column: &str| {
        let start = format!("column {table} {column} ");
        before.used.iter().any(|used| used.starts_with(&start))
    };
    let gone = before.used.difference(&after.used).map(|used| format!("{used} is gone, or has another type"));
    let needed = after.needed.difference(&before.needed).filter(|(table, _)| is_old(table));
    let needed = needed.map(|(table, column)| format!("{table}.{column} must be given a value"));
    let rules = after
        .rules
        .difference(&before.rules)
        .filter(|(table, _, columns)| is_old(table) && columns.iter().all(|column| knows(table, column)));
    let rules = rules.map(|(table, rule, _)| format!("{table} must obey: {rule}"));
    gone.chain(needed).chain(rules).collect()
}

#[tokio::test]
async fn each_migration_leaves_the_version_before_what_it_uses_and_asks_nothing_new_of_it()
-> anyhow::Result<()> {
    let postgres = Postgres::shared().await?;
    let (client, connection) = tokio_postgres::connect(&postgres.fresh_database().await?, NoTls).await?;
    tokio::spawn(connection);
    let mut before = schema(&client).await?;
    for folder in migrations()? {
        client.batch_execute(&fs::read_to_string(folder.join("up.sql"))?).await?;
        let after = schema(&client).await?;
        assert_eq!(breaks(&before, &after), Vec::<String>::new(), "{}", folder.display());
        before = after;
    }

    // What would break it, each for itself, is found.
    for (bad, found) in [
        ("drop table comments", "table comments is gone"),
        ("alter table comments rename to remarks", "table comments is gone"),
        ("alter table comments drop column edited_at", "column comments edited_at"),
        ("alter table comments rename column text to words", "column comments text"),
        ("alter table comments alter column event_id type varchar(10)", "column comments event_id"),
        ("alter table comments alter column event_id set not null", "comments.event_id must be given"),
        ("alter table comments add column room text not null", "comments.room must be given"),
        ("alter table comments alter column created_at drop default", "comments.created_at must be given"),
        ("alter table comments add check (char_length(author) < 100)", "comments must obey"),
        ("create unique index on comments (author)", "comments must obey"),
    ] {
        client.batch_execute(&format!("begin; {bad}")).await?;
        let broken = breaks(&before, &schema(&client).await?);
        assert!(broken.iter().any(|what| what.starts_with(found)), "{bad}: {broken:?}");
        client.batch_execute("rollback").await?;
    }
    // What a migration may do.
    for good in [
        "alter table comments add column room text not null default ''",
        "alter table comments add column room text check (room <> '')",
        "create table rooms (name text primary key)",
        "drop index comments_by_key",
        "create index on comments (author)",
        "alter table comments alter column author drop not null",
    ] {
        client.batch_execute(&format!("begin; {good}")).await?;
        assert_eq!(breaks(&before, &schema(&client).await?), Vec::<String>::new(), "{good}");
        client.batch_execute("rollback").await?;
    }
    Ok(())
}
