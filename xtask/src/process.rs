//! Starting other programs: where the repository is, which `cargo` to use, what a program on the
//! `PATH` is, and how a command is written so that it can be copied.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::failure::Failure;

/// Where Debian keeps servers; not on an ordinary user's `PATH`.
const SERVER_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// What `cargo run` sets for this program and a nested cargo must not see, because build scripts
/// that watch these names would run again.
const CARGO_RUN_PREFIXES: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

#[derive(Deserialize)]
struct Location {
    target_directory: PathBuf,
}

/// The folder that holds the workspace.
pub(crate) fn repository_root() -> Result<PathBuf, Failure> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let from_build = manifest
        .parent()
        .filter(|root| root.join("Cargo.lock").is_file());
    if let Some(root) = from_build {
        return Ok(root.to_path_buf());
    }
    let here = env::current_dir().map_err(|error| {
        Failure::new(
            format!("the current folder cannot be read: {error}"),
            "run it in the repository",
        )
    })?;
    here.ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            Failure::new(
                "this is not a clone of the repository",
                "run `cargo xtask` inside the clone",
            )
        })
}

/// A `cargo` command in `root`, as a person would start it.
pub(crate) fn cargo<A: AsRef<str>>(root: &Path, arguments: &[A]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command
        .current_dir(root)
        .args(arguments.iter().map(AsRef::as_ref));
    for (name, _) in env::vars_os() {
        let inherited = name.to_str().is_some_and(|name| {
            CARGO_RUN_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        if inherited {
            command.env_remove(name);
        }
    }
    command.env("PATH", search_path());
    command
}

/// The `PATH` with the folders of servers after it.
pub(crate) fn search_path() -> OsString {
    let given = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&given).chain(SERVER_FOLDERS.iter().map(PathBuf::from));
    env::join_paths(folders).unwrap_or(given)
}

/// The program of that name, on the `PATH` or where Debian keeps servers.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    env::split_paths(&search_path())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Whether the program starts and ends well; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a command wrote on its standard output; its errors go to ours.
pub(crate) fn output_of(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let line = written_out(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_started(&line, &error))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Failure::new(
            format!("`{line}` ended with {}", output.status),
            "read its messages above",
        ))
    }
}

/// The failure of a program that could not be started.
pub(crate) fn not_started(line: &str, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("`{line}` could not be started: {error}"),
        "is it installed and on the PATH?",
    )
}

/// The folder cargo builds into.
pub(crate) fn target_folder(root: &Path) -> Result<PathBuf, Failure> {
    let answer = output_of(&mut cargo(
        root,
        &["metadata", "--no-deps", "--format-version", "1"],
    ))?;
    let location: Location = serde_json::from_slice(&answer).map_err(|error| {
        Failure::new(
            format!("cargo metadata cannot be read: {error}"),
            "run `cargo metadata` by hand",
        )
    })?;
    Ok(location.target_directory)
}

/// The command as one copies it into a shell.
pub(crate) fn written_out(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy();
    let shown = ["RUSTDOCFLAGS"];
    let settings = command.get_envs().filter_map(|(name, value)| {
        let name = name.to_str().filter(|name| shown.contains(name))?;
        Some(format!("{name}={}", quoted(&value?.to_string_lossy())))
    });
    let arguments = command
        .get_args()
        .map(|argument| quoted(&argument.to_string_lossy()));
    let words: Vec<String> = settings
        .chain(std::iter::once(name.into_owned()))
        .chain(arguments)
        .collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_./:=,+@%".contains(sign);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{find_program, quoted, written_out};

    #[test]
    fn a_command_is_written_so_that_a_shell_reads_it_back() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command
            .args(["doc", "it's"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .env("PATH", "hidden");
        assert_eq!(
            written_out(&command),
            r"RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s'"
        );
    }

    #[test]
    fn an_empty_word_is_quoted() {
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("--locked"), "--locked");
    }

    #[test]
    fn a_program_that_is_not_there_is_not_found() {
        assert!(find_program("no-such-program-anywhere").is_none());
        assert!(find_program("sh").is_some());
    }
}
