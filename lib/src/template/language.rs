//! The words that Heat itself puts into tickets: severities, ages, places, heads of tables.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::subject::Standing;
use super::table::Column;
use crate::placement::Unplaced;
use crate::severity::Severity;

/// A language Heat speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// `en`
    #[default]
    #[serde(rename = "en")]
    English,
    /// `ru`
    #[serde(rename = "ru")]
    Russian,
}

/// A language Heat does not speak.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown language {0:?}: it is en or ru")]
pub struct UnknownLanguage(String);

impl FromStr for Language {
    type Err = UnknownLanguage;
    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        match text {
            "en" => Ok(Self::English),
            "ru" => Ok(Self::Russian),
            _ => Err(UnknownLanguage(text.to_owned())),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pick("en", "ru"))
    }
}

impl Language {
    fn pick<T>(self, english: T, russian: T) -> T {
        match self {
            Self::English => english,
            Self::Russian => russian,
        }
    }

    /// A severity as the screen names it.
    pub fn severity(self, severity: Severity) -> &'static str {
        match severity {
            Severity::NotClassified => self.pick("Not classified", "Не классифицировано"),
            Severity::Information => self.pick("Information", "Информация"),
            Severity::Warning => self.pick("Warning", "Предупреждение"),
            Severity::Average => self.pick("Average", "Средняя"),
            Severity::High => self.pick("High", "Высокая"),
            Severity::Disaster => self.pick("Disaster", "Чрезвычайная"),
        }
    }

    /// A length of time in its leading unit, as the screen shows it.
    pub fn age(self, age: Duration) -> String {
        let seconds = age.as_secs();
        let (minutes, hours) = (seconds / 60, seconds / 3600);
        match (seconds, minutes, hours) {
            (0..100, ..) => format!("{seconds} {}", self.pick("s", "с")),
            (_, 0..100, _) => format!("{minutes} {}", self.pick("min", "мин")),
            (_, _, 0..48) => format!("{hours} {}", self.pick("h", "ч")),
            _ => format!("{} {}", hours / 24, self.pick("d", "д")),
        }
    }

    /// How a moment is written unless a template says otherwise, for `chrono`.
    pub(super) fn moment(self) -> &'static str {
        self.pick("%Y-%m-%d %H:%M %Z", "%d.%m.%Y %H:%M %Z")
    }

    /// `Europe / SAS / row 12 / rack 07 / u40`; the units may be empty.
    pub(super) fn place(self, standing: &Standing, units: &str) -> String {
        let row = (!standing.row.is_empty()).then(|| format!("{} {}", self.pick("row", "ряд"), standing.row));
        let rack = format!("{} {}", self.pick("rack", "стойка"), standing.rack.name);
        let units = (!units.is_empty()).then(|| units.to_owned());
        let parts = standing.locations.iter().cloned().chain(row).chain([rack]).chain(units);
        parts.collect::<Vec<_>>().join(" / ")
    }

    /// Why an event stands in no rack.
    pub(super) fn unplaced(self, why: Option<Unplaced>) -> &'static str {
        match why {
            Some(Unplaced::UnknownHost) => self.pick("not in the inventory", "нет в инвентаре"),
            Some(Unplaced::Ambiguous) => {
                self.pick("several devices have this name", "так называются несколько устройств")
            }
            Some(Unplaced::NoRack) => self.pick("mounted in no rack", "не установлено в стойку"),
            Some(Unplaced::HostPending) | None => self.pick("place unknown", "место неизвестно"),
        }
    }

    /// The head of a column of `table`.
    pub(super) fn heading(self, column: Column) -> &'static str {
        match column {
            Column::Host => self.pick("Host", "Хост"),
            Column::Device => self.pick("Device", "Устройство"),
            Column::Model => self.pick("Model", "Модель"),
            Column::Serial => self.pick("Serial number", "Серийный номер"),
            Column::AssetNo => self.pick("Asset number", "Инвентарный номер"),
            Column::Place => self.pick("Place", "Место"),
            Column::Rack => self.pick("Rack", "Стойка"),
            Column::Units => self.pick("Units", "Юниты"),
            Column::Severity => self.pick("Severity", "Важность"),
            Column::Name => self.pick("Problem", "Проблема"),
            Column::Opdata => self.pick("Value", "Значение"),
            Column::Since => self.pick("Since", "Началось"),
            Column::Age => self.pick("Age", "Длится"),
            Column::Source => self.pick("Source", "Источник"),
            Column::Link => self.pick("Link", "Ссылка"),
        }
    }

    /// What stands below a table that does not show all.
    pub(super) fn and_more(self, count: usize) -> String {
        format!("{} {count}", self.pick("… and another", "… и ещё"))
    }

    /// The text of a link that has no other.
    pub(super) fn open(self) -> &'static str {
        self.pick("open", "открыть")
    }
}

/// The form of a word that goes with a number: of two forms as in English (problem, problems), of three as in Russian
/// (проблема, проблемы, проблем). `None` for another number of forms.
pub(super) fn plural<T: AsRef<str>>(count: u64, forms: &[T]) -> Option<&str> {
    let form = match forms {
        [one, other] => match count {
            1 => one,
            _ => other,
        },
        [one, few, many] => match (count % 10, count % 100) {
            (_, 11..=14) => many,
            (1, _) => one,
            (2..=4, _) => few,
            _ => many,
        },
        _ => return None,
    };
    Some(form.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_with_its_form_in_russian_and_in_english() {
        let russian = ["проблема", "проблемы", "проблем"];
        for (count, form) in
            [(0, 2), (1, 0), (2, 1), (4, 1), (5, 2), (11, 2), (14, 2), (21, 0), (22, 1), (111, 2), (1001, 0)]
        {
            assert_eq!(plural(count, &russian), Some(russian[form]), "{count}");
        }
        let english = ["problem", "problems"];
        assert_eq!(
            [0, 1, 2, 21].map(|count| plural(count, &english).unwrap() == "problem"),
            [false, true, false, false]
        );
        assert_eq!(plural(1, &["problem"]), None);
    }

    #[test]
    fn an_age_is_told_in_its_leading_unit() {
        let told = |seconds| Language::English.age(Duration::from_secs(seconds));
        assert_eq!(
            [99, 100, 5_999, 6_000, 172_799, 172_800].map(told),
            ["99 s", "1 min", "99 min", "1 h", "47 h", "2 d"]
        );
        assert_eq!(Language::Russian.age(Duration::from_mins(26)), "26 мин");
    }
}
