//! RackTables' tables as Heat reads them: the SELECTs and their rows.
//!
//! Each reads one base table, and what belongs together is put together afterwards. Joins would be shorter and are
//! not safe here: `EntityLink` and `AttributeValue` have several indices that begin alike, servers have been seen to
//! choose the one that makes a join quadratic in the racks, and nobody may add hints that hold for every version.
//! Views are worse still: `Rack` leaves out racks without a row and drags pictures along.
//!
//! Every name of a table is in backticks (`Row` is reserved in MySQL 8), and nothing needs more than MySQL 5.5. All of
//! these columns are the same from 0.20.0 to 0.22.0.

use std::collections::HashSet;

use diesel::deserialize::{self, FromSql, FromSqlRow, QueryableByName};
use diesel::mysql::{Mysql, MysqlValue};
use diesel::sql_types::{BigInt, Binary, Integer, Nullable, Unsigned};
use diesel_async::{AsyncMysqlConnection, RunQueryDsl};

type Uint = Unsigned<Integer>;

/// How many objects are asked for at a time.
const OBJECTS_A_PAGE: usize = 5_000;
/// How many racks' units are asked for at a time; a full rack has some fifty rows.
const RACKS_A_PAGE: usize = 500;

/// Text whose bytes need not be what the column claims: old sites hold Cyrillic that went in as latin1. It is read
/// as bytes, trimmed, and what is no UTF-8 becomes U+FFFD.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromSqlRow)]
pub(super) struct Text(pub(super) String);

impl FromSql<Binary, Mysql> for Text {
    fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(String::from_utf8_lossy(value.as_bytes()).trim().to_owned()))
    }
}

/// The text, or nothing where the column is NULL.
pub(super) fn text(column: Option<Text>) -> String {
    column.unwrap_or_default().0
}

/// Anything with a name: a rack, a row, a location, or what RackTables calls an object.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct ObjectRow {
    #[diesel(sql_type = Uint)]
    pub(super) id: u32,
    #[diesel(sql_type = Uint)]
    pub(super) objtype_id: u32,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) name: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) label: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) asset_no: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) has_problems: Option<Text>,
    /// Of racks alone; objects' comments are long and not shown.
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) comment: Option<Text>,
}

const OBJECTS: &str = "\
SELECT id, objtype_id, name, label, asset_no, has_problems, IF(objtype_id = 1560, comment, NULL) AS comment
FROM `Object` WHERE id > ? ORDER BY id LIMIT 5000";

/// An attribute of an object.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct AttributeRow {
    #[diesel(sql_type = Uint)]
    pub(super) object_id: u32,
    #[diesel(sql_type = Uint)]
    pub(super) attr_id: u32,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) string_value: Option<Text>,
    #[diesel(sql_type = Nullable<Uint>)]
    pub(super) uint_value: Option<u32>,
}

/// Those that [`attribute`] names, and those that point into the dictionary.
fn attributes_query(of_dictionary: &[u32]) -> String {
    let named =
        [attribute::SERIAL, attribute::HARDWARE, attribute::FQDN, attribute::HEIGHT, attribute::ORDER];
    let ids: Vec<_> = named.iter().chain(of_dictionary).map(u32::to_string).collect();
    format!(
        "SELECT object_id, attr_id, string_value, uint_value FROM `AttributeValue` \
         WHERE attr_id IN ({}) AND object_id > ? AND object_id <= ?",
        ids.join(", ")
    )
}

const DICTIONARY_ATTRIBUTES: &str = "SELECT id FROM `Attribute` WHERE type = 'dict' ORDER BY id";

/// The attributes that are read. Their numbers are RackTables' own and the same at every site.
pub(super) mod attribute {
    /// The maker's serial number.
    pub(in super::super) const SERIAL: u32 = 1;
    /// The hardware's entry in the dictionary.
    pub(in super::super) const HARDWARE: u32 = 2;
    pub(in super::super) const FQDN: u32 = 3;
    /// A rack's units.
    pub(in super::super) const HEIGHT: u32 = 27;
    /// A rack's place in its row, from 1.
    pub(in super::super) const ORDER: u32 = 29;
}

/// The types of objects that are not devices.
pub(super) mod object_type {
    pub(in super::super) const RACK: u32 = 1560;
    pub(in super::super) const ROW: u32 = 1561;
    pub(in super::super) const LOCATION: u32 = 1562;
}

/// An entry of the dictionary: types of objects (chapter 1), hardware.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct WordRow {
    #[diesel(sql_type = Uint)]
    pub(super) dict_key: u32,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) dict_value: Option<Text>,
}

const DICTIONARY: &str = "SELECT dict_key, dict_value FROM `Dictionary`";

/// A unit of a rack that an object takes. Units that do not exist or cannot be used are never read.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct UnitRow {
    #[diesel(sql_type = Uint)]
    pub(super) rack_id: u32,
    #[diesel(sql_type = Uint)]
    pub(super) unit_no: u32,
    #[diesel(sql_type = Uint)]
    pub(super) object_id: u32,
    /// Bits 1 front, 2 interior, 4 rear.
    #[diesel(sql_type = Unsigned<BigInt>)]
    pub(super) atom_mask: u64,
}

const UNITS: &str = "\
SELECT s.rack_id, s.unit_no, s.object_id,
       CAST(BIT_OR(CASE s.atom WHEN 'front' THEN 1 WHEN 'interior' THEN 2 WHEN 'rear' THEN 4 END) AS UNSIGNED)
       AS atom_mask
FROM `RackSpace` AS s
WHERE s.state = 'T' AND s.object_id IS NOT NULL AND s.rack_id > ? AND s.rack_id <= ?
GROUP BY s.rack_id, s.unit_no, s.object_id ORDER BY s.rack_id, s.unit_no";

/// What is in what: locations in locations, rows in locations, racks in rows, objects on racks (zero-U) and in objects.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct LinkRow {
    #[diesel(sql_type = Binary)]
    pub(super) parent_entity_type: Text,
    #[diesel(sql_type = Uint)]
    pub(super) parent_entity_id: u32,
    #[diesel(sql_type = Binary)]
    pub(super) child_entity_type: Text,
    #[diesel(sql_type = Uint)]
    pub(super) child_entity_id: u32,
}

const LINKS: &str = "\
SELECT parent_entity_type, parent_entity_id, child_entity_type, child_entity_id FROM `EntityLink`";

/// A tag that somebody has put on something.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct TaggedRow {
    #[diesel(sql_type = Binary)]
    pub(super) entity_realm: Text,
    #[diesel(sql_type = Uint)]
    pub(super) entity_id: u32,
    #[diesel(sql_type = Uint)]
    pub(super) tag_id: u32,
}

const TAGGED: &str = "\
SELECT entity_realm, entity_id, tag_id FROM `TagStorage` WHERE entity_realm IN ('object', 'rack', 'location')";

/// A tag and the one above it.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct TagRow {
    #[diesel(sql_type = Uint)]
    pub(super) id: u32,
    #[diesel(sql_type = Nullable<Uint>)]
    pub(super) parent_id: Option<u32>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) tag: Option<Text>,
}

const TAGS: &str = "SELECT id, parent_id, tag FROM `TagTree`";

/// Something of which the id alone is read.
#[derive(Clone, Debug, Default, QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Uint)]
    id: u32,
}

const WITH_PORTS: &str = "SELECT DISTINCT object_id AS id FROM `Port`";

/// An object whose VLANs RackTables manages.
#[derive(Clone, Debug, Default, QueryableByName)]
#[expect(clippy::struct_field_names, reason = "the columns are called so")]
pub(super) struct VlanSwitchRow {
    #[diesel(sql_type = Uint)]
    pub(super) object_id: u32,
    #[diesel(sql_type = Uint)]
    pub(super) domain_id: u32,
    #[diesel(sql_type = Uint)]
    pub(super) template_id: u32,
}

const VLAN_SWITCHES: &str = "SELECT object_id, domain_id, template_id FROM `VLANSwitch`";

/// A setting or a script, of which blanks are a part.
#[derive(Clone, Debug, Default, QueryableByName)]
struct ValueRow {
    #[diesel(sql_type = Nullable<Binary>)]
    value: Option<Vec<u8>>,
}

/// Everything that is read, as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) objects: Vec<ObjectRow>,
    pub(super) attributes: Vec<AttributeRow>,
    pub(super) dictionary: Vec<WordRow>,
    pub(super) links: Vec<LinkRow>,
    pub(super) units: Vec<UnitRow>,
    pub(super) tagged: Vec<TaggedRow>,
    pub(super) tags: Vec<TagRow>,
    /// The attributes that point into the dictionary; empty where that may not be read.
    pub(super) dictionary_attributes: Vec<u32>,
    /// The objects that have ports; none where that may not be read.
    pub(super) with_ports: Option<HashSet<u32>>,
    pub(super) vlan_switches: Vec<VlanSwitchRow>,
}

impl Tables {
    /// Reads them all but those that may not be read; `doing` is what an error is about.
    pub(super) async fn read(
        connection: &mut AsyncMysqlConnection,
        doing: &mut &'static str,
        may_read: impl Fn(&str) -> bool,
    ) -> diesel::QueryResult<Self> {
        *doing = "reading the objects";
        let dictionary_attributes =
            if may_read("Attribute") { ids(connection, DICTIONARY_ATTRIBUTES).await? } else { Vec::new() };
        let (objects, attributes) = objects(connection, &dictionary_attributes).await?;
        *doing = "reading the dictionary";
        let dictionary = diesel::sql_query(DICTIONARY).load(connection).await?;
        *doing = "reading what is in what";
        let links = diesel::sql_query(LINKS).load(connection).await?;
        *doing = "reading the racks' units";
        let units = units(connection, &objects).await?;
        *doing = "reading the tags";
        let tagged = diesel::sql_query(TAGGED).load(connection).await?;
        let tags = diesel::sql_query(TAGS).load(connection).await?;
        *doing = "reading ports and VLANs";
        let with_ports = if may_read("Port") {
            Some(ids(connection, WITH_PORTS).await?.into_iter().collect())
        } else {
            None
        };
        let vlan_switches = if may_read("VLANSwitch") {
            diesel::sql_query(VLAN_SWITCHES).load(connection).await?
        } else {
            Vec::new()
        };
        Ok(Self {
            objects,
            attributes,
            dictionary,
            links,
            units,
            tagged,
            tags,
            dictionary_attributes,
            with_ports,
            vlan_switches,
        })
    }
}

async fn ids(connection: &mut AsyncMysqlConnection, query: &str) -> diesel::QueryResult<Vec<u32>> {
    let rows: Vec<IdRow> = diesel::sql_query(query).load(connection).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

async fn objects(
    connection: &mut AsyncMysqlConnection,
    dictionary_attributes: &[u32],
) -> diesel::QueryResult<(Vec<ObjectRow>, Vec<AttributeRow>)> {
    let attributes_query = attributes_query(dictionary_attributes);
    let (mut objects, mut attributes) = (Vec::<ObjectRow>::new(), Vec::new());
    let mut after = 0;
    loop {
        let mut page = diesel::sql_query(OBJECTS).bind::<Uint, _>(after).load(connection).await?;
        let read = page.len();
        objects.append(&mut page);
        let upto = objects.last().map_or(after, |object| object.id);
        let query = diesel::sql_query(&attributes_query).bind::<Uint, _>(after).bind::<Uint, _>(upto);
        attributes.append(&mut query.load(connection).await?);
        if read < OBJECTS_A_PAGE {
            return Ok((objects, attributes));
        }
        after = upto;
    }
}

/// By ranges of rack ids rather than by `LIMIT`, so that no page ends within a unit. The last range has no end:
/// units of racks that do not exist are to be found and reported too.
async fn units(
    connection: &mut AsyncMysqlConnection,
    objects: &[ObjectRow],
) -> diesel::QueryResult<Vec<UnitRow>> {
    let racks = objects.iter().filter(|object| object.objtype_id == object_type::RACK);
    let racks: Vec<u32> = racks.map(|rack| rack.id).collect();
    let mut ends: Vec<u32> = racks.chunks(RACKS_A_PAGE).filter_map(|page| page.last().copied()).collect();
    ends.pop();
    ends.push(u32::MAX);
    let mut units = Vec::new();
    let mut after = 0_u32;
    for upto in ends {
        let query = diesel::sql_query(UNITS).bind::<Uint, _>(after).bind::<Uint, _>(upto);
        units.append(&mut query.load(connection).await?);
        after = upto;
    }
    Ok(units)
}

/// A setting of RackTables' own.
pub(super) async fn setting(
    connection: &mut AsyncMysqlConnection,
    name: &str,
) -> diesel::QueryResult<Option<String>> {
    value(connection, "SELECT varvalue AS value FROM `Config` WHERE varname = ?", name).await
}

/// A text of RackTables' table of scripts.
pub(super) async fn script(
    connection: &mut AsyncMysqlConnection,
    name: &str,
) -> diesel::QueryResult<Option<String>> {
    value(connection, "SELECT script_text AS value FROM `Script` WHERE script_name = ?", name).await
}

async fn value(
    connection: &mut AsyncMysqlConnection,
    query: &str,
    name: &str,
) -> diesel::QueryResult<Option<String>> {
    let rows: Vec<ValueRow> =
        diesel::sql_query(query).bind::<diesel::sql_types::Text, _>(name).load(connection).await?;
    let value = rows.into_iter().next().and_then(|row| row.value);
    Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
}
