//! The schema's migrations as such: each can be taken back, and leaves nothing behind.

use std::{fs, path::PathBuf};

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
