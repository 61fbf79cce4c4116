//! The files of a commit as git's plumbing lists and prints them, and what of them is not read.

use std::collections::BTreeMap;

use heat::template::{LARGEST_FILE, LARGEST_IN_ALL, MOST_FILES};

use super::error::GitError;

/// How the text begins that stands in for a file in Git LFS.
const LFS_POINTER: &str = "version https://git-lfs.github.com/spec/";

/// Something that a commit may not hold. Begins with its path, as findings about templates do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct Refusal {
    /// Where it stands; what is not UTF-8 in it as `\u{fffd}`. Of a limit on all files, the first one beyond.
    pub path: String,
    /// Why it is refused.
    pub reason: Reason,
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A symbolic link.
    #[error("a symbolic link; put the file itself there")]
    Symlink,
    /// Another repository, by the id of a commit.
    #[error("a submodule; put its files there")]
    Submodule,
    /// So many bytes in one file.
    #[error("{0} bytes, and {LARGEST_FILE} are the most for one file")]
    TooLarge(u64),
    /// All files together are too large.
    #[error("with it the files have more than {LARGEST_IN_ALL} bytes, which are the most for all of them")]
    TooLargeInAll,
    /// Too many of them.
    #[error("with it there are more than {MOST_FILES} files, which are the most")]
    TooMany,
    /// Its content or its name is no text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// Only the place where a file is kept.
    #[error("it is kept in Git LFS; put the file itself there")]
    Lfs,
}

/// Why files could not be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Refused(Refusal),
    /// Not what git prints.
    Strange(&'static str),
}

impl Fault {
    fn refused(path: impl Into<String>, reason: Reason) -> Self {
        Self::Refused(Refusal { path: path.into(), reason })
    }

    pub(super) fn of(self, commit: &str) -> GitError {
        match self {
            Self::Refused(refusal) => GitError::Refused { commit: commit.to_owned(), refusal },
            Self::Strange(asked) => GitError::Strange { asked },
        }
    }
}

/// A file that may be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) object: String,
    path: String,
    size: u64,
}

/// Reads what `git ls-tree -r -z -l` prints: `mode type object size TAB path NUL`, the size padded with spaces.
pub(super) fn entries(listing: &[u8]) -> Result<Vec<Entry>, Fault> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut in_all = 0;
    for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let strange = || Fault::Strange("ls-tree");
        let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(strange)?;
        let (facts, path) = (&line[..tab], &line[tab + 1..]);
        let facts = std::str::from_utf8(facts).map_err(|_| strange())?;
        let mut facts = facts.split_ascii_whitespace();
        let (Some(mode), Some(_), Some(object), Some(size)) =
            (facts.next(), facts.next(), facts.next(), facts.next())
        else {
            return Err(strange());
        };
        let path = String::from_utf8(path.to_vec())
            .map_err(|error| Fault::refused(String::from_utf8_lossy(error.as_bytes()), Reason::NotText))?;
        let size = match mode {
            "100644" | "100755" | "100664" => size.parse().map_err(|_| strange())?,
            "120000" => return Err(Fault::refused(path, Reason::Symlink)),
            "160000" => return Err(Fault::refused(path, Reason::Submodule)),
            _ => return Err(strange()),
        };
        if size > LARGEST_FILE {
            return Err(Fault::refused(path, Reason::TooLarge(size)));
        }
        in_all += size;
        if in_all > LARGEST_IN_ALL {
            return Err(Fault::refused(path, Reason::TooLargeInAll));
        }
        if entries.len() == MOST_FILES {
            return Err(Fault::refused(path, Reason::TooMany));
        }
        entries.push(Entry { object: object.to_owned(), path, size });
    }
    Ok(entries)
}

/// Reads what `git cat-file --batch` prints for these objects: `object blob size LF content LF`.
pub(super) fn contents(mut batch: &[u8], entries: Vec<Entry>) -> Result<BTreeMap<String, String>, Fault> {
    let mut files = BTreeMap::new();
    for Entry { object, path, size } in entries {
        let head = format!("{object} blob {size}\n");
        let parts = batch
            .strip_prefix(head.as_bytes())
            .and_then(|rest| rest.split_at_checked(usize::try_from(size).ok()?))
            .and_then(|(content, rest)| Some((content, rest.strip_prefix(b"\n")?)));
        let Some((content, rest)) = parts else { return Err(Fault::Strange("cat-file")) };
        batch = rest;
        match std::str::from_utf8(content) {
            Ok(text) if text.starts_with(LFS_POINTER) => return Err(Fault::refused(path, Reason::Lfs)),
            Ok(text) => files.insert(path, text.to_owned()),
            Err(_) => return Err(Fault::refused(path, Reason::NotText)),
        };
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OBJECT: &str = "45b983be36b73c0788dc9cbcb76cbb80fc7bb057";

    fn listing(files: &[(&str, u64, &str)]) -> Vec<u8> {
        let line =
            |(mode, size, path): &(&str, u64, &str)| format!("{mode} blob {OBJECT} {size:>7}\t{path}\0");
        files.iter().map(line).collect::<String>().into_bytes()
    }

    fn refusal(files: &[(&str, u64, &str)]) -> String {
        match entries(&listing(files)) {
            Err(Fault::Refused(refusal)) => refusal.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_no_plain_file_is_refused_by_its_path() {
        assert!(
            refusal(&[("100644", 1, "a"), ("120000", 1, "tickets/l.md.j2")])
                .starts_with("tickets/l.md.j2: a sym")
        );
        let submodule = format!("160000 commit {OBJECT}       -\tmacros\0");
        let Err(Fault::Refused(refused)) = entries(submodule.as_bytes()) else { panic!() };
        assert_eq!(refused, Refusal { path: "macros".into(), reason: Reason::Submodule });
        let name = [format!("100644 blob {OBJECT} 3\ta").as_bytes(), b"\xff\0"].concat();
        assert_eq!(entries(&name), Err(Fault::refused("a\u{fffd}", Reason::NotText)));
    }

    #[test]
    fn each_limit_lets_the_last_one_through_and_names_the_first_beyond() {
        assert!(entries(&listing(&[("100644", LARGEST_FILE, "a")])).is_ok());
        assert!(refusal(&[("100644", LARGEST_FILE + 1, "a")]).starts_with("a: 65537 bytes"));
        let full = vec![("100644", LARGEST_FILE, "a"); 32];
        assert!(entries(&listing(&full)).is_ok());
        assert!(
            refusal(&[full.as_slice(), &[("100755", 1, "last")]].concat())
                .starts_with("last: with it the files")
        );
        let many = vec![("100644", 0, "a"); MOST_FILES];
        assert!(entries(&listing(&many)).is_ok());
        assert!(
            refusal(&[many.as_slice(), &[("100644", 0, "last")]].concat())
                .starts_with("last: with it there are")
        );
    }

    #[test]
    fn a_stand_in_for_a_file_elsewhere_is_refused() {
        let text = format!("{LFS_POINTER}v1\noid sha256:1\nsize 12345\n");
        let size = text.len() as u64;
        let entry = Entry { object: OBJECT.into(), path: "a".into(), size };
        let batch = format!("{OBJECT} blob {size}\n{text}\n");
        assert_eq!(contents(batch.as_bytes(), vec![entry]), Err(Fault::refused("a", Reason::Lfs)));
    }

    proptest! {
        #[test]
        fn whatever_stands_in_files_is_read_as_it_is(
            files in prop::collection::btree_map("[a-zё /.\t\n-]{1,12}", "(?s).{0,40}", 0..12),
        ) {
            let line = |(path, text): (&String, &String)| format!("100644 blob {OBJECT} {:>7}\t{path}\0", text.len());
            let list: String = files.iter().map(line).collect();
            let part = |text: &String| format!("{OBJECT} blob {}\n{text}\n", text.len());
            let batch: String = files.values().map(part).collect();
            let entries = entries(list.as_bytes()).unwrap();
            prop_assert_eq!(contents(batch.as_bytes(), entries), Ok(files));
        }

        #[test]
        fn nothing_that_git_could_print_makes_it_fall(
            list in prop::collection::vec(any::<u8>(), 0..200),
            batch in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = entries(&list);
            let entry = Entry { object: OBJECT.into(), path: "a".into(), size: 7 };
            prop_assert_eq!(contents(&batch, vec![entry]), Err(Fault::Strange("cat-file")));
        }
    }
}
