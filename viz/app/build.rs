//! Puts the scenarios of this repository into the program, so that its library is there wherever it is started.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?)
        .join("../../scenarios")
        .canonicalize()?;
    println!("cargo::rerun-if-changed={}", root.display());
    let mut list = String::from("&[\n");
    let mut chapters: Vec<_> = fs::read_dir(&root)?.collect::<Result<_, _>>()?;
    chapters.sort_by_key(fs::DirEntry::file_name);
    for chapter in chapters.iter().filter(|entry| entry.path().is_dir()) {
        println!("cargo::rerun-if-changed={}", chapter.path().display());
        let mut files: Vec<_> = fs::read_dir(chapter.path())?.collect::<Result<_, _>>()?;
        files.sort_by_key(fs::DirEntry::file_name);
        for file in files {
            let (path, chapter) = (file.path(), chapter.file_name());
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.extension().is_some_and(|end| end == "ron") {
                let chapter = chapter.to_string_lossy();
                let path = path.display().to_string();
                writeln!(list, "    ({chapter:?}, {stem:?}, include_str!({path:?})),")
                    .map_err(io::Error::other)?;
            }
        }
    }
    list.push_str("]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("scenarios.rs"), list)
}
