"""infra/backup.sh and restore.sh: dump, wipe, restore, and nothing is missing.

Needs a PostgreSQL at HEAT_TEST_DATABASE_URL, as `heat-dev test-stores` provides, and a built heat-updater."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from urllib.parse import quote, urlsplit

from clone import ROOT

UPDATER = ROOT / os.environ.get("HEAT_TEST_BIN", "target/debug") / "heat-updater"

# Something in every table that people or programs write to, with what a dump might damage: quotes, line ends, other scripts,
# nothing at all, JSON, far times.
ROWS = r"""
insert into comments (event_key, event_id, author, text, created_at, edited_at)
    values ('zabbix:1:web%3A1', null, 'Ann O''Neil', E'Стойка 12\nwaits for the "vendor"\t\\ ', '2026-01-02 03:04:05.678901+00', null),
           ('zabbix:1:web%3A1', 'zabbix:9:web%3A1', 'bob', '💥', now(), now());
insert into openings (id, event_key, source, host, name, severity_first, severity_peak, opened_at)
    select 'zabbix:' || n, 'zabbix:1:h' || n, 'zabbix', 'h' || n, 'down', 2, 5, timestamptz '2026-01-01' + n * interval '1 minute'
      from generate_series(1, 2000) n;
insert into audit_log (actor, action, target, before, after, via, request_id)
    values ('ann', 'comment.create', '1', null, '{"text": "a\u00e4", "n": 1.50}', 'proxy', 'r-1');
insert into tickets (draft, severity, author, idempotency_key, state, key, sent_at)
    values ('{"queue": "NOC"}', 4, 'ann', 'k-1', 'created', 'NOC-7', now()), ('{}', 2, 'bob', null, 'pending', null, null);
insert into ticket_events (ticket_id, event_id, event_key, member, added_by)
    select id, 'zabbix:' || id, 'zabbix:1:h1', '{"name": "down"}', 'ann' from tickets;
insert into ticket_posts (ticket_id, kind, body, author) select id, 'operator', 'It smells of smoke', 'ann' from tickets;
insert into acknowledgements (event_id, event_key, author, severity, until, until_worsens)
    values ('zabbix:1', 'zabbix:1:h1', 'ann', 4, 'infinity', true);
insert into place_notes (kind, place_id, author, text, quiet_since) values ('rack', 7, 'ann', 'Feed B', now());
insert into api_tokens (name, digest, role, created_by, expires_at)
    values ('deploy-bot', decode(repeat('00ff', 16), 'hex'), 'operator', 'ann', now() + interval '90 days');
update updater_fence set fence = 1764090000123;
"""


class Backup(unittest.TestCase):
    def setUp(self):
        server = urlsplit(os.environ["HEAT_TEST_DATABASE_URL"])
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "heat.dump"
        # A user and a database whose names need quoting wherever they go, and a password that must not be seen.
        suffix = os.getpid()
        self.owner, self.password = f"heat owner@{suffix}", "p@ss: /?#%w"
        self.databases = [f"heat backup/{suffix}", f"heat restored {suffix}"]
        self.admin = server._replace(path="/postgres").geturl()
        # She who owns the tables makes the roles of the programs.
        self.psql(self.admin, f"create role \"{self.owner}\" login createrole password '{self.password}'")
        self.roles = {"HEAT_API_ROLE": f"api_{suffix}", "HEAT_UPDATER_ROLE": f"updater_{suffix}"}
        for database in self.databases:
            self.psql(self.admin, f'create database "{database}" owner "{self.owner}"')
        login = f"{quote(self.owner, safe='')}:{quote(self.password, safe='')}@{server.hostname}:{server.port}"
        self.url, self.restored = (f"postgres://{login}/{quote(database, safe='')}" for database in self.databases)
        self.addCleanup(self.leave)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("HEAT_", "PG"))}
        self.migrate()
        self.psql(self.url, ROWS)

    def leave(self):
        for database in self.databases:
            self.psql(self.admin, f'drop database "{database}" with (force)')
        self.psql(self.admin, f'drop role "{self.owner}", {", ".join(self.roles.values())}')

    def migrate(self) -> str:
        env = self.env | self.roles | {"HEAT_DATABASE_URL": self.url}
        done = subprocess.run([UPDATER, "migrate", "--roles"], env=env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def psql(self, url: str, sql: str) -> str:
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url], input=sql, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def run_script(self, script: str, *args: str, **env: str):
        return subprocess.run([ROOT / "infra" / script, *args], cwd="/", env=self.env | env, capture_output=True, text=True)

    def contents(self, url: str) -> dict[str, str]:
        """Every table's rows, the sequences, and the schema with everybody's rights, as text."""
        tables = self.psql(url, "select quote_ident(tablename) from pg_tables where schemaname = 'public' order by 1").split()
        found = {table: self.psql(url, f"select t::text from {table} t order by 1") for table in tables}
        found["sequences"] = self.psql(url, "select sequencename, last_value from pg_sequences order by 1")
        dump = subprocess.run(["pg_dump", "--schema-only", "--no-owner", "-d", url], check=True, capture_output=True, text=True).stdout
        # Newer versions mark each dump with a word of its own.
        found["schema"] = re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.M)
        return found

    def test_dump_wipe_restore_and_nothing_is_missing(self):
        before = self.contents(self.url)
        for table in ("comments", "openings", "audit_log", "tickets", "ticket_events", "ticket_posts", "acknowledgements", "api_tokens", "place_notes"):
            self.assertTrue(before[table], f"{table} is empty and proves nothing")
        done = self.run_script("backup.sh", str(self.file), HEAT_DATABASE_URL=self.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.psql(self.admin, f'drop database "{self.databases[0]}" with (force); create database "{self.databases[0]}" owner "{self.owner}"')

        secret = self.folder / "url"
        secret.write_text(self.url + "\n")
        done = self.run_script("restore.sh", str(self.file), HEAT_DATABASE_URL_FILE=str(secret))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 comments, 2 tickets, 2000 openings", done.stdout)
        # It is Heat's database again: its user owns it, the schema is known to be up to date, and ids go on.
        self.assertTrue(self.migrate().startswith("The schema is up to date.\n"))
        self.assertEqual(self.contents(self.url), before)
        owners = self.psql(self.url, "select distinct tableowner from pg_tables where schemaname = 'public'")
        self.assertEqual(owners.strip(), self.owner)
        api = urlsplit(self.url)
        api = api._replace(netloc=f"{self.roles['HEAT_API_ROLE']}@{api.hostname}:{api.port}").geturl()
        self.psql(api, "insert into comments (event_key, author, text) values ('k', 'ann', 'goes on')")

    def test_a_backup_overwrites_nothing_and_leaves_nothing_half_done(self):
        self.file.write_text("yesterday's")
        done = self.run_script("backup.sh", str(self.file), HEAT_DATABASE_URL=self.url)
        self.assertIn("is there already", done.stderr)
        self.assertEqual(self.file.read_text(), "yesterday's")
        other = self.folder / "other.dump"
        for url in (self.restored, "postgres://nobody@127.0.0.1:1/heat", "mysql://x/y", ""):
            with self.subTest(url):
                done = self.run_script("backup.sh", str(other), HEAT_DATABASE_URL=url)
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual([path.name for path in self.folder.iterdir()], ["heat.dump"])

    def test_what_is_in_a_database_is_never_mixed_with_a_backup_and_a_damaged_one_leaves_it_empty(self):
        self.assertEqual(self.run_script("backup.sh", str(self.file), HEAT_DATABASE_URL=self.url).returncode, 0)
        before = self.contents(self.url)
        done = self.run_script("restore.sh", str(self.file), HEAT_DATABASE_URL=self.url)
        self.assertIn("restore into an empty database", done.stderr)
        self.assertEqual(self.contents(self.url), before)
        damaged = self.folder / "damaged.dump"
        whole = self.file.read_bytes()
        damaged.write_bytes(whole[: len(whole) * 2 // 3])
        self.assertNotEqual(self.run_script("restore.sh", str(damaged), HEAT_DATABASE_URL=self.restored).returncode, 0)
        self.assertEqual(self.psql(self.restored, "select count(*) from pg_tables where schemaname = 'public'").strip(), "0")

    def test_the_password_is_in_no_list_of_processes(self):
        """With programs of Postgres that write down how they were called."""
        programs = self.folder / "bin"
        programs.mkdir()
        seen = self.folder / "seen"
        for name in ("pg_dump", "pg_restore", "psql"):
            (programs / name).write_text(f'#!/bin/sh\necho "$0 $*" >>{seen}\nenv | grep ^PG >>{seen}\necho TABLE DATA public comments\nfor a; do case $a in --file=*) : >"${{a#--file=}}";; esac; done\n')
            (programs / name).chmod(0o755)
        done = self.run_script("backup.sh", str(self.file), HEAT_DATABASE_URL=self.url, PG_BIN=str(programs))
        self.assertEqual(done.returncode, 0, done.stderr)
        calls = [line for line in seen.read_text().splitlines() if not line.startswith("PG")]
        self.assertTrue(calls)
        self.assertFalse([line for line in calls if self.password in line or quote(self.password, safe="") in line])
        told = set(seen.read_text().splitlines())
        self.assertLessEqual({f"PGPASSWORD={self.password}", f"PGUSER={self.owner}", f"PGDATABASE={self.databases[0]}"}, told)
        self.assertNotIn(self.password, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
