//! RackTables' tables as Heat reads them: the SELECTs and their rows.
//!
//! Base tables and no views: the view `Rack` leaves out racks without a row and drags pictures along. Every name is in
//! backticks (`Row` is reserved in MySQL 8), and nothing needs more than MySQL 5.5. All of it runs unchanged on the
//! schemas of 0.20.0 to 0.22.0.

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

/// A rack with its row and its row's location; several lines a rack where it has several parents.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct RackRow {
    #[diesel(sql_type = Uint)]
    pub(super) rack_id: u32,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) rack_name: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) asset_no: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) has_problems: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) comment: Option<Text>,
    #[diesel(sql_type = Nullable<Uint>)]
    pub(super) height_units: Option<u32>,
    #[diesel(sql_type = Nullable<Uint>)]
    pub(super) sort_order: Option<u32>,
    /// What the link says, whether or not there is such a row.
    #[diesel(sql_type = Nullable<Uint>)]
    pub(super) row_link: Option<u32>,
    #[diesel(sql_type = Nullable<Uint>)]
    pub(super) row_id: Option<u32>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) row_name: Option<Text>,
    /// What the link says, whether or not there is such a location.
    #[diesel(sql_type = Nullable<Uint>)]
    pub(super) location_link: Option<u32>,
    #[diesel(sql_type = Nullable<Uint>)]
    pub(super) location_id: Option<u32>,
}

const RACKS: &str = "\
SELECT o.id AS rack_id, o.name AS rack_name, o.asset_no, o.has_problems, o.comment,
       h.uint_value AS height_units, s.uint_value AS sort_order,
       er.parent_entity_id AS row_link, r.id AS row_id, r.name AS row_name,
       el.parent_entity_id AS location_link, l.id AS location_id
FROM `Object` AS o
LEFT JOIN `AttributeValue` AS h ON h.object_id = o.id AND h.attr_id = 27
LEFT JOIN `AttributeValue` AS s ON s.object_id = o.id AND s.attr_id = 29
LEFT JOIN `EntityLink` AS er
       ON er.parent_entity_type = 'row' AND er.child_entity_type = 'rack' AND er.child_entity_id = o.id
LEFT JOIN `Object` AS r ON r.id = er.parent_entity_id AND r.objtype_id = 1561
LEFT JOIN `EntityLink` AS el
       ON el.parent_entity_type = 'location' AND el.child_entity_type = 'row' AND el.child_entity_id = r.id
LEFT JOIN `Object` AS l ON l.id = el.parent_entity_id AND l.objtype_id = 1562
WHERE o.objtype_id = 1560 ORDER BY o.id, row_link, location_link";

/// A location with its parent; several lines where it has several.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct LocationRow {
    #[diesel(sql_type = Uint)]
    pub(super) id: u32,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) name: Option<Text>,
    #[diesel(sql_type = Nullable<Uint>)]
    pub(super) parent_id: Option<u32>,
}

const LOCATIONS: &str = "\
SELECT o.id, o.name, p.parent_entity_id AS parent_id
FROM `Object` AS o
LEFT JOIN `EntityLink` AS p
       ON p.parent_entity_type = 'location' AND p.child_entity_type = 'location' AND p.child_entity_id = o.id
WHERE o.objtype_id = 1562 ORDER BY o.id, parent_id";

/// An object that is not a rack, row or location.
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct ObjectRow {
    #[diesel(sql_type = Uint)]
    pub(super) object_id: u32,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) name: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) label: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) asset_no: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) has_problems: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) type_name: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) hw_type_raw: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) fqdn: Option<Text>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(super) oem_sn: Option<Text>,
}

const OBJECTS: &str = "\
SELECT o.id AS object_id, o.name, o.label, o.asset_no, o.has_problems,
       t.dict_value AS type_name, hw.dict_value AS hw_type_raw, fq.string_value AS fqdn, sn.string_value AS oem_sn
FROM `Object` AS o
LEFT JOIN `Dictionary` AS t ON t.dict_key = o.objtype_id AND t.chapter_id = 1
LEFT JOIN `AttributeValue` AS hv ON hv.object_id = o.id AND hv.attr_id = 2
LEFT JOIN `Dictionary` AS hw ON hw.dict_key = hv.uint_value
LEFT JOIN `AttributeValue` AS fq ON fq.object_id = o.id AND fq.attr_id = 3
LEFT JOIN `AttributeValue` AS sn ON sn.object_id = o.id AND sn.attr_id = 1
WHERE o.objtype_id NOT IN (1560, 1561, 1562) AND o.id > ? ORDER BY o.id LIMIT 5000";

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

/// What an object hangs on (a rack, zero-U) or is in (another object).
#[derive(Clone, Debug, Default, QueryableByName)]
pub(super) struct LinkRow {
    #[diesel(sql_type = Binary)]
    pub(super) parent_entity_type: Text,
    #[diesel(sql_type = Uint)]
    pub(super) parent_entity_id: u32,
    #[diesel(sql_type = Uint)]
    pub(super) object_id: u32,
}

const LINKS: &str = "\
SELECT parent_entity_type, parent_entity_id, child_entity_id AS object_id
FROM `EntityLink` WHERE child_entity_type = 'object' AND parent_entity_type IN ('rack', 'object')
ORDER BY child_entity_id, parent_entity_id";

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

/// A setting or a script.
#[derive(Clone, Debug, Default, QueryableByName)]
struct ValueRow {
    #[diesel(sql_type = Nullable<Binary>)]
    value: Option<Text>,
}

/// Everything that is read, as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) racks: Vec<RackRow>,
    pub(super) locations: Vec<LocationRow>,
    pub(super) objects: Vec<ObjectRow>,
    pub(super) units: Vec<UnitRow>,
    pub(super) links: Vec<LinkRow>,
    pub(super) tagged: Vec<TaggedRow>,
    pub(super) tags: Vec<TagRow>,
}

impl Tables {
    /// Reads them all; `doing` is what an error is about.
    pub(super) async fn read(
        connection: &mut AsyncMysqlConnection,
        doing: &mut &'static str,
    ) -> diesel::QueryResult<Self> {
        *doing = "reading the racks";
        let racks: Vec<RackRow> = diesel::sql_query(RACKS).load(connection).await?;
        *doing = "reading the locations";
        let locations = diesel::sql_query(LOCATIONS).load(connection).await?;
        *doing = "reading the objects";
        let objects = objects(connection).await?;
        *doing = "reading the units";
        let units = units(connection, &racks).await?;
        *doing = "reading what is in what";
        let links = diesel::sql_query(LINKS).load(connection).await?;
        *doing = "reading the tags";
        let tagged = diesel::sql_query(TAGGED).load(connection).await?;
        let tags = diesel::sql_query(TAGS).load(connection).await?;
        Ok(Self { racks, locations, objects, units, links, tagged, tags })
    }
}

async fn objects(connection: &mut AsyncMysqlConnection) -> diesel::QueryResult<Vec<ObjectRow>> {
    let mut objects: Vec<ObjectRow> = Vec::new();
    loop {
        let last = objects.last().map_or(0, |object| object.object_id);
        let mut page: Vec<ObjectRow> =
            diesel::sql_query(OBJECTS).bind::<Uint, _>(last).load(connection).await?;
        let more = page.len() == OBJECTS_A_PAGE;
        objects.append(&mut page);
        if !more {
            return Ok(objects);
        }
    }
}

/// By ranges of rack ids rather than by `LIMIT`, so that no page ends within a unit. The last range has no end:
/// units of racks that do not exist are to be found and reported too.
async fn units(
    connection: &mut AsyncMysqlConnection,
    racks: &[RackRow],
) -> diesel::QueryResult<Vec<UnitRow>> {
    let mut ends: Vec<u32> =
        racks.chunks(RACKS_A_PAGE).filter_map(|page| Some(page.last()?.rack_id)).collect();
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
    Ok(rows.into_iter().next().and_then(|row| row.value).map(|value| value.0))
}
