//! YAML as authors write it, with the line of whatever is wrong with it.

use serde::de::DeserializeOwned;
use serde_saphyr::{Location, Spanned};

use super::Finding;

/// Reads a document that begins at line `first` of a file. Unknown keys are the type's to refuse.
pub(super) fn read<T: DeserializeOwned>(file: &str, first: u32, text: &str) -> Result<T, Finding> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let line = error.location().and_then(|location| line(location, first));
        Finding { file: file.to_owned(), line, message: without_place(&error.to_string()).to_owned() }
    })
}

/// A message without its place, which is told in lines of the document and not of the file.
fn without_place(message: &str) -> &str {
    let is_place = |place: &str| place.chars().all(|c| c.is_ascii_digit() || ", column".contains(c));
    match message.rsplit_once(" at line ") {
        Some((message, place)) if is_place(place) => message,
        _ => message,
    }
}

/// The line of a value, in the file whose line `first` its document begins at.
pub(super) fn line_of<T>(value: &Spanned<T>, first: u32) -> u32 {
    line(value.referenced, first).unwrap_or(first)
}

fn line(location: Location, first: u32) -> Option<u32> {
    // 0 is what an unknown location has.
    let line = u32::try_from(location.line()).ok().filter(|line| *line > 0)?;
    Some(first + line - 1)
}
