//! A generated world as a `RackTables` database: the stock schema in our own words, and its rows.
//!
//! [`sql`] makes one script that a `mariadb` client runs in an empty database, or in one that an earlier script
//! filled. Ids are the world's. What the world's inventory says must come out of a reader again, but for what only a
//! database can hold: marked-up models, a unit above its rack's height, blanks around a name, links to objects that
//! are gone, units that do not exist.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> anyhow::Result<()> {
//! use heat_devkit::backends::MariaDb;
//! use heat_devkit::{racktables, world::World};
//!
//! let mariadb = MariaDb::start().await?;
//! mariadb.create_database("racktables_db").await?;
//! mariadb.execute_sql("racktables_db", &racktables::sql(&World::demo(), &Default::default())).await?;
//! mariadb.execute_sql("", &racktables::reader_sql("racktables_db", "reader", "secret")).await?;
//! println!("{}", mariadb.url_as("reader", "secret", "racktables_db"));
//! # Ok(()) }
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::world::{Device, HARDWARE, Hw, Kind, PREDICATES, World, parent_tag};

const SCHEMA: &str = include_str!("racktables/schema.sql");

/// The versions whose databases were read with one and the same set of queries.
pub const VERSIONS: [&str; 7] = ["0.20.0", "0.20.5", "0.20.8", "0.20.14", "0.21.0", "0.21.5", "0.22.0"];

/// The tables that a reader of the inventory needs.
pub const READABLE: [&str; 12] = [
    "Object",
    "EntityLink",
    "AttributeValue",
    "Dictionary",
    "RackSpace",
    "TagTree",
    "TagStorage",
    "Config",
    "Script",
    "Port",
    "VLANSwitch",
    "Attribute",
];

/// What a database is made like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `DB_VERSION`, which also decides the columns. One outside of [`VERSIONS`] is written as it is.
    pub version: String,
    /// `REVERSED_RACKS_LISTSRC`, known since 0.20.4. The world's reversed racks carry the tag `reversed`.
    pub reversed: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { version: "0.22.0".to_owned(), reversed: "{reversed}".to_owned() }
    }
}

/// A user who may read the inventory and nothing else: no password hashes, no writing.
#[must_use]
pub fn reader_sql(database: &str, user: &str, password: &str) -> String {
    let account = format!("{}@'%'", text(user));
    let mut sql = format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {};\n", text(password));
    for table in READABLE {
        let _ = writeln!(sql, "GRANT SELECT ON `{database}`.`{table}` TO {account};");
    }
    sql
}

/// The script that makes the database of a world.
#[must_use]
pub fn sql(world: &World, options: &Options) -> String {
    let mut script = Script { sql: schema(&options.version), newer: |than| newer(&options.version, than) };
    script.sql.push_str("SET autocommit = 0;\n");
    script.configuration(options);
    script.dictionary();
    script.entities(world);
    script.links(world);
    script.units(world);
    script.attributes(world);
    script.tags(world);
    script.network(world);
    script.sql.push_str("COMMIT;\nSET autocommit = 1;\nSET foreign_key_checks = 1;\n");
    script.sql
}

/// The schema without the lines of other versions.
fn schema(version: &str) -> String {
    SCHEMA
        .lines()
        .filter(|line| match line.rsplit_once("-- ").map(|(_, mark)| mark.split_once(' ')) {
            Some(Some(("since", since))) => newer(version, since),
            Some(Some(("until", until))) => !newer(version, until),
            _ => true,
        })
        .fold(String::new(), |sql, line| sql + line + "\n")
}

/// Whether `version` is `than` or later; `0.20.14` is later than `0.20.8`.
fn newer(version: &str, than: &str) -> bool {
    let parts = |text: &str| -> Vec<u32> { text.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
    parts(version) >= parts(than)
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// NULL where there is nothing.
fn text_or_null(value: &str) -> String {
    if value.is_empty() { "NULL".to_owned() } else { text(value) }
}

fn yes(value: bool) -> &'static str {
    if value { "'yes'" } else { "'no'" }
}

/// The keys of the models begin here, among the stock ones of 0.22.
const FIRST_MODEL: u32 = 5_100;

fn model_key(hw: Hw) -> Option<u32> {
    let at = HARDWARE.iter().position(|known| *known == hw)?;
    Some(FIRST_MODEL + u32::try_from(at).unwrap_or(0))
}

/// What runs on every server.
const SERVER_OS: u32 = 5_200;

/// The automatic tags of a device that follow from its type, its attributes, its ports and its VLANs alone.
#[must_use]
pub fn automatic_tags(device: &Device) -> Vec<String> {
    let mut tags = vec![format!("$typeid_{}", device.kind.dict_key())];
    tags.extend(device.hw.and_then(model_key).map(|key| format!("$attr_2_{key}")));
    if device.kind == Kind::Server {
        tags.push(format!("$attr_4_{SERVER_OS}"));
    }
    if device.kind == Kind::Switch {
        tags.extend(["$runs_8021Q", "$8021Q_domain_1", "$8021Q_tpl_1"].map(str::to_owned));
    }
    if !has_ports(device) {
        tags.push("$portless".to_owned());
    }
    tags
}

fn has_ports(device: &Device) -> bool {
    matches!(device.kind, Kind::Switch | Kind::Router)
}

const RACK: u32 = 1_560;
const ROW: u32 = 1_561;
const LOCATION: u32 = 1_562;

struct Script<F: Fn(&str) -> bool> {
    sql: String,
    newer: F,
}

impl<F: Fn(&str) -> bool> Script<F> {
    /// Rows of a table, each `(…)` without its brackets.
    fn insert(&mut self, table: &str, columns: &str, rows: impl IntoIterator<Item = String>) {
        // Far below the smallest max_allowed_packet.
        const TOGETHER: usize = 500;
        for (at, row) in rows.into_iter().enumerate() {
            if at % TOGETHER == 0 {
                let end = if at == 0 { "" } else { ";\n" };
                let _ = write!(self.sql, "{end}INSERT INTO `{table}` ({columns}) VALUES\n({row})");
            } else {
                let _ = write!(self.sql, ",\n({row})");
            }
        }
        if self.sql.ends_with(')') {
            self.sql.push_str(";\n");
        }
    }

    fn configuration(&mut self, options: &Options) {
        let mut rows = vec![
            ("DB_VERSION", options.version.as_str(), "Database version."),
            ("enterprise", "Heat", "Organization name"),
            ("MASSCOUNT", "8", "Fast-form rows"),
        ];
        if (self.newer)("0.20.4") {
            rows.push(("REVERSED_RACKS_LISTSRC", &options.reversed, "List of racks with reversed numbering"));
        }
        self.insert(
            "Config",
            "varname, varvalue, description",
            rows.iter().map(|(name, value, what)| format!("{}, {}, {}", text(name), text(value), text(what))),
        );
        let code = format!("allow {{$userid_1}}\n{PREDICATES}allow {{$op_default}} and [production]\n");
        self.insert("Script", "script_name, script_text", [format!("'RackCode', {}", text(&code))]);
        // The SHA-1 of nothing: an account that nobody can use, and nobody may see.
        let hash = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        self.insert(
            "UserAccount",
            "user_id, user_name, user_password_hash, user_realname",
            [format!("1, 'admin', '{hash}', 'RackTables Administrator'")],
        );
    }

    fn dictionary(&mut self) {
        let chapters =
            [(1, "ObjectType"), (11, "server models"), (12, "network switch models"), (13, "server OS type")];
        self.insert(
            "Chapter",
            "id, sticky, name",
            chapters.map(|(id, name)| format!("{id}, 'yes', {}", text(name))),
        );
        let attributes = [
            (1, "string", "OEM S/N 1"),
            (2, "dict", "HW type"),
            (3, "string", "FQDN"),
            (4, "dict", "SW type"),
            (14, "string", "contact person"),
            (20, "string", "OEM S/N 2"),
            (21, "date", "support contract expiration"),
            (22, "date", "HW warranty expiration"),
            (24, "date", "SW warranty expiration"),
            (25, "string", "UUID"),
            (27, "uint", "Height, units"),
            (28, "string", "Slot number"),
            (29, "uint", "Sort order"),
            (30, "dict", "Mgmt type"),
        ];
        self.insert(
            "Attribute",
            "id, type, name",
            attributes.map(|(id, kind, name)| format!("{id}, '{kind}', {}", text(name))),
        );
        let maps = Kind::ALL.iter().flat_map(|kind| {
            let key = kind.dict_key();
            [
                format!("{key}, 1, NULL"),
                format!("{key}, 2, 11"),
                format!("{key}, 3, NULL"),
                format!("{key}, 4, 13"),
            ]
        });
        let racks = [format!("{RACK}, 27, NULL"), format!("{RACK}, 29, NULL")];
        self.insert("AttributeMap", "objtype_id, attr_id, chapter_id", maps.chain(racks));
        let mut rows: Vec<(u32, u32, &str)> =
            Kind::ALL.iter().map(|kind| (1, kind.dict_key(), kind.name())).collect();
        rows.extend([
            (1, RACK, "Rack"),
            (1, ROW, "Row"),
            (1, LOCATION, "Location"),
            (1, 12, "UPS"),
            (1, 965, "Wireless"),
        ]);
        rows.extend(HARDWARE.iter().filter_map(|hw| Some((11, model_key(*hw)?, hw.marked_up))));
        rows.push((13, SERVER_OS, "[[Debian 12 (bookworm) | http://debian.example.net/]]"));
        self.insert(
            "Dictionary",
            "chapter_id, dict_key, dict_sticky, dict_value",
            rows.iter().map(|(chapter, key, value)| {
                format!("{chapter}, {key}, {}, {}", yes(*key < 50_000), text(value))
            }),
        );
    }

    fn entities(&mut self, world: &World) {
        let columns = "id, name, label, objtype_id, asset_no, has_problems, comment";
        let bare =
            |id: u64, name: &str, kind: u32| format!("{id}, {}, NULL, {kind}, NULL, 'no', NULL", text(name));
        let locations = world.locations.iter().map(|location| bare(location.id, &location.name, LOCATION));
        self.insert("Object", columns, locations);
        self.insert("Object", columns, world.rows.iter().map(|row| bare(row.id, &row.name, ROW)));
        let racks = world.racks.iter().map(|rack| {
            let (name, asset, comment) =
                (text(&rack.name), text_or_null(&rack.asset_no), text_or_null(&rack.comment));
            format!("{}, {name}, NULL, {RACK}, {asset}, {}, {comment}", rack.id, yes(rack.has_problems))
        });
        self.insert("Object", columns, racks);
        let damage = &world.damage;
        let devices = world.devices.iter().map(|device| {
            let name = match device.name.as_str() {
                // A name of nothing is as legal as none.
                "" if damage.nameless.first() == Some(&device.id) => "''".to_owned(),
                // MySQL trims a CHAR at its end only.
                name if device.id == damage.scattered => text(&format!("  {name}")),
                name => text_or_null(name),
            };
            let (label, asset) = (text_or_null(&device.label), text_or_null(&device.asset_no));
            let (kind, problems) = (device.kind.dict_key(), yes(device.has_problems));
            format!("{}, {name}, {label}, {kind}, {asset}, {problems}, NULL", device.id)
        });
        self.insert("Object", columns, devices);
    }

    fn links(&mut self, world: &World) {
        let link = |parent: &str, parent_id: u64, child: &str, child_id: u64| {
            format!("'{parent}', {parent_id}, '{child}', {child_id}")
        };
        let mut rows = Vec::new();
        for location in &world.locations {
            rows.extend(location.parent_id.map(|parent| link("location", parent, "location", location.id)));
        }
        for row in &world.rows {
            rows.extend(row.location_id.map(|parent| link("location", parent, "row", row.id)));
        }
        for rack in &world.racks {
            rows.extend(rack.row_id.map(|parent| link("row", parent, "rack", rack.id)));
        }
        for device in &world.devices {
            let zero_u = device.mounts.iter().filter(|mount| mount.unit.is_none());
            rows.extend(zero_u.map(|mount| link("rack", mount.rack_id, "object", device.id)));
            rows.extend(device.container_id.map(|parent| link("object", parent, "object", device.id)));
        }
        // Both ends of a link may be gone.
        rows.push(link("object", world.damage.unmounted, "object", 4_000_000_001));
        rows.push(link("rack", 4_000_000_002, "object", world.damage.unmounted));
        let columns = "parent_entity_type, parent_entity_id, child_entity_type, child_entity_id";
        self.insert("EntityLink", columns, rows);
    }

    fn units(&mut self, world: &World) {
        const ATOMS: [(u8, &str); 3] = [(1, "front"), (2, "interior"), (4, "rear")];
        let mut rows = Vec::new();
        for device in &world.devices {
            for mount in &device.mounts {
                let Some(unit) = mount.unit else { continue };
                for unit in unit..unit + mount.height {
                    for (_, atom) in ATOMS.iter().filter(|(bit, _)| mount.atoms & bit != 0) {
                        rows.push(format!("{}, {unit}, '{atom}', 'T', {}", mount.rack_id, device.id));
                    }
                }
            }
        }
        let above = world.device(world.damage.above_height).and_then(|device| device.mounts.first());
        if let Some(mount) = above {
            let unit = world.rack(mount.rack_id).map_or(43, |rack| rack.height + 1);
            rows.push(format!("{}, {unit}, 'front', 'T', {}", mount.rack_id, world.damage.above_height));
            // Units that are not there, and one whose front cannot be used.
            rows.extend(ATOMS.map(|(_, atom)| format!("{}, 15, '{atom}', 'A', NULL", mount.rack_id)));
            rows.push(format!("{}, 16, 'front', 'U', NULL", mount.rack_id));
        }
        self.insert("RackSpace", "rack_id, unit_no, atom, state, object_id", rows);
    }

    fn attributes(&mut self, world: &World) {
        let number = |id: u64, kind: u32, attribute: u32, value: u32| {
            format!("{id}, {kind}, {attribute}, NULL, {value}")
        };
        let string = |id: u64, kind: u32, attribute: u32, value: &str| {
            format!("{id}, {kind}, {attribute}, {}, NULL", text(value))
        };
        let mut rows = Vec::new();
        for rack in &world.racks {
            if rack.id != world.damage.rack_without_height {
                rows.push(number(rack.id, RACK, 27, rack.height));
            }
            rows.extend(rack.position.map(|position| number(rack.id, RACK, 29, position)));
        }
        for device in &world.devices {
            let kind = device.kind.dict_key();
            if !device.serial.is_empty() {
                rows.push(string(device.id, kind, 1, &device.serial));
            }
            rows.extend(device.hw.and_then(model_key).map(|key| number(device.id, kind, 2, key)));
            if !device.fqdn.is_empty() {
                rows.push(string(device.id, kind, 3, &device.fqdn));
            }
            if device.kind == Kind::Server {
                rows.push(number(device.id, kind, 4, SERVER_OS));
            }
        }
        self.insert("AttributeValue", "object_id, object_tid, attr_id, string_value, uint_value", rows);
    }

    fn tags(&mut self, world: &World) {
        let mut ids: BTreeMap<&str, u32> = BTreeMap::new();
        let of_racks = world.racks.iter().map(|rack| ("rack", rack.id, &rack.tags));
        let of_devices = world.devices.iter().map(|device| ("object", device.id, &device.tags));
        let tagged: Vec<(&str, u64, &Vec<String>)> = of_racks.chain(of_devices).collect();
        for tag in tagged.iter().flat_map(|(_, _, tags)| tags.iter()) {
            let next = 10 + u32::try_from(ids.len()).unwrap_or(0);
            ids.entry(tag).or_insert(next);
        }
        let assignable = (self.newer)("0.20.2");
        let columns = if assignable { "id, parent_id, is_assignable, tag" } else { "id, parent_id, tag" };
        let row = |id: u32, parent: &str, may: bool, tag: &str| {
            let may = if assignable { format!("{}, ", yes(may)) } else { String::new() };
            format!("{id}, {parent}, {may}{}", text(tag))
        };
        // Two that are there to be parents.
        let mut rows = vec![row(1, "NULL", false, "environment"), row(2, "NULL", false, "team")];
        rows.extend(ids.iter().map(|(tag, id)| {
            let parent = match parent_tag(tag) {
                Some("environment") => "1",
                Some(_) => "2",
                None => "NULL",
            };
            row(*id, parent, true, tag)
        }));
        self.insert("TagTree", columns, rows);
        let rows = tagged.iter().flat_map(|(realm, id, tags)| {
            tags.iter()
                .filter_map(|tag| ids.get(tag.as_str()))
                .map(move |tag| format!("'{realm}', {id}, {tag}, 'admin'"))
        });
        self.insert("TagStorage", "entity_realm, entity_id, tag_id, `user`", rows.collect::<Vec<_>>());
    }

    /// Two ports for every switch and router; the switches are managed as 802.1Q ones.
    fn network(&mut self, world: &World) {
        let switches: Vec<u64> = world
            .devices
            .iter()
            .filter(|device| device.kind == Kind::Switch)
            .map(|device| device.id)
            .collect();
        let ports = world.devices.iter().filter(|device| has_ports(device)).flat_map(|device| {
            [format!("{}, 'et-0/0/48', 9, 36", device.id), format!("{}, 'fxp0', 1, 24", device.id)]
        });
        self.insert("Port", "object_id, name, iif_id, type", ports);
        self.insert("VLANDomain", "id, description", ["1, 'data centres'".to_owned()]);
        self.insert(
            "VLANSwitchTemplate",
            "id, mutex_rev, description, saved_by",
            ["1, 0, 'top of rack', 'admin'".to_owned()],
        );
        self.insert(
            "VLANSwitch",
            "object_id, domain_id, template_id",
            switches.iter().map(|switch| format!("{switch}, 1, 1")),
        );
    }
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;
    use crate::backends::MariaDb;
    use crate::world::Size;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(newer("0.20.14", "0.20.8"));
        assert!(newer("0.20.4", "0.20.4"));
        assert!(!newer("0.20.0", "0.20.2"));
    }

    #[test]
    fn a_version_has_its_own_columns_alone() {
        assert!(!schema("0.20.0").contains("is_assignable"));
        assert!(schema("0.20.0").contains("'W'"));
        assert!(schema("0.20.5").contains("is_assignable") && !schema("0.20.5").contains("'W'"));
        assert!(!schema("0.21.0").contains("`description` char(255) DEFAULT NULL, -- since"));
        assert!(schema("0.22.0").contains("`color`"));
    }

    #[test]
    fn text_cannot_end_its_quotes() {
        assert_eq!(text(r"it's a \ "), r"'it''s a \\ '");
    }

    async fn count(mariadb: &MariaDb, database: &str, query: &str) -> usize {
        mariadb.execute_sql(database, query).await.unwrap().trim().parse().unwrap()
    }

    #[tokio::test]
    async fn every_version_holds_the_whole_world_and_loads_twice() {
        let mariadb = MariaDb::shared().await.unwrap();
        let world = World::generate(Size::SMALL, 1);
        let database = mariadb.fresh_database().await.unwrap();
        for version in VERSIONS.iter().chain(["0.22.0"].iter()) {
            let options = Options { version: (*version).to_owned(), ..Options::default() };
            mariadb.execute_sql(&database, &sql(&world, &options)).await.unwrap();
            let told = mariadb
                .execute_sql(&database, "SELECT varvalue FROM Config WHERE varname = 'DB_VERSION'")
                .await;
            assert_eq!(told.unwrap().trim(), *version);
            for (query, rows) in [
                ("SELECT COUNT(*) FROM `Object` WHERE objtype_id = 1562", world.locations.len()),
                ("SELECT COUNT(*) FROM `Row`", world.rows.len()),
                ("SELECT COUNT(*) FROM `Object` WHERE objtype_id = 1560", world.racks.len()),
                // The view loses the rack without a row.
                ("SELECT COUNT(*) FROM `Rack`", world.racks.len() - 1),
                ("SELECT COUNT(*) FROM `RackObject`", world.devices.len()),
                ("SELECT COUNT(*) FROM `RackSpace` WHERE state <> 'T'", 4),
            ] {
                assert_eq!(count(&mariadb, &database, query).await, rows, "{version}: {query}");
            }
        }
    }

    #[tokio::test]
    async fn a_device_is_found_where_the_world_has_it() {
        let mariadb = MariaDb::shared().await.unwrap();
        let world = World::generate(Size::SMALL, 1);
        let database = mariadb.fresh_database().await.unwrap();
        mariadb.execute_sql(&database, &sql(&world, &Options::default())).await.unwrap();
        let device = world
            .devices
            .iter()
            .find(|device| device.hw.is_some_and(|hw| hw.shown.contains("DL360")))
            .unwrap();
        let query = format!(
            "SELECT o.name, f.string_value, d.dict_value, MIN(s.unit_no), COUNT(*) FROM `Object` AS o \
             JOIN `AttributeValue` AS f ON f.object_id = o.id AND f.attr_id = 3 \
             JOIN `AttributeValue` AS h ON h.object_id = o.id AND h.attr_id = 2 \
             JOIN `Dictionary` AS d ON d.dict_key = h.uint_value \
             JOIN `RackSpace` AS s ON s.object_id = o.id WHERE o.id = {} GROUP BY 1, 2, 3",
            device.id
        );
        let told = mariadb.execute_sql(&database, &query).await.unwrap();
        let mount = &device.mounts[0];
        let expected = format!(
            "{}\t{}\t{}\t{}\t{}",
            device.name,
            device.fqdn,
            device.hw.unwrap().marked_up,
            mount.unit.unwrap(),
            mount.height * 3
        );
        assert_eq!(told.trim_end(), expected);
    }

    #[tokio::test]
    async fn the_reader_reads_the_inventory_and_no_passwords_and_writes_nothing() {
        let mariadb = MariaDb::shared().await.unwrap();
        let database = mariadb.fresh_database().await.unwrap();
        let world = World::generate(Size { racks: 1, devices: 10 }, 1);
        mariadb.execute_sql(&database, &sql(&world, &Options::default())).await.unwrap();
        // Users are the server's, not the database's.
        let user = database.replace("heat_test", "r");
        mariadb.execute_sql("", &reader_sql(&database, &user, "o'secret\\")).await.unwrap();
        let url: url::Url = mariadb.url("").parse().unwrap();
        let ask = async |query: &str| {
            let output = Command::new("mariadb")
                .args(["--no-defaults", "--batch", "--protocol=tcp", "--host", url.host_str().unwrap()])
                .args([
                    "--port",
                    &url.port().unwrap_or(3306).to_string(),
                    "--user",
                    &user,
                    "--database",
                    &database,
                ])
                .args(["--execute", query])
                .env("MYSQL_PWD", "o'secret\\")
                .output()
                .await
                .unwrap();
            (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        for table in READABLE {
            let (allowed, told) = ask(&format!("SELECT * FROM `{table}` LIMIT 1")).await;
            assert!(allowed, "{told}");
        }
        for query in ["SELECT * FROM `UserAccount`", "UPDATE `Object` SET name = 'x'", "SELECT * FROM `Rack`"]
        {
            let (allowed, told) = ask(query).await;
            assert!(!allowed && told.contains("denied"), "{query}: {told}");
        }
    }
}
