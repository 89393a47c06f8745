//! What a fresh Debian machine lacks for tests and demo, found and installed by one command.
//!
//! Says what it installs and why before it does. Debian packages start their services; a service
//! that came with a package installed here is stopped and disabled again, because tests and demo
//! start servers of their own, on ports of their own. A service that was there before is not
//! touched. Other systems get the names of what is missing and nothing is guessed.

use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process::{find_program, not_started, search_path, succeeds, written_out};

/// Two minutes: long enough for the unattended upgrade a fresh machine runs at its first boot.
const APT_LOCK_WAIT: &str = "DPkg::Lock::Timeout=120";
/// A mirror that hiccups is asked again; one that is down is reported after this many times.
const APT_RETRIES: &str = "Acquire::Retries=3";

/// Whether missing packages are installed or only named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Install,
    PrintOnly,
}

impl Mode {
    pub(crate) fn from_flag(no_install: bool) -> Self {
        if no_install {
            Self::PrintOnly
        } else {
            Self::Install
        }
    }
}

/// One thing that must be on the machine.
pub(crate) struct Need {
    /// As people call it.
    name: &'static str,
    /// What it is for, completing "for …".
    purpose: &'static str,
    packages: &'static [&'static str],
    /// The system service its package starts, if it does.
    service: Option<&'static str>,
    present: fn() -> bool,
}

const NATS: Need = Need {
    name: "nats-server",
    purpose: "meter readings, notifications and meter orders",
    packages: &["nats-server"],
    service: Some("nats-server"),
    present: || find_program("nats-server").is_some(),
};

const PYTHON: Need = Need {
    name: "python3 with venv and pip",
    purpose: "the client scripts that the end-to-end tests run",
    packages: &["python3", "python3-venv", "python3-pip"],
    service: None,
    present: || {
        let mut python = Command::new("python3");
        succeeds(
            python
                .args(["-c", "import venv, ensurepip"])
                .env("PATH", search_path()),
        )
    },
};

const NODE: Need = Need {
    name: "node and npm",
    purpose: "the sample client and KurrentDB's official client in Node, which tests run",
    packages: &["nodejs", "npm"],
    service: None,
    present: || find_program("node").is_some() && find_program("npm").is_some(),
};

const POSTGRESQL: Need = Need {
    name: "PostgreSQL",
    purpose: "the tests and benches that compare with it",
    packages: &["postgresql"],
    service: Some("postgresql"),
    present: || find_program("initdb").is_some() || debian_postgresql_is_there(),
};

/// What `cargo xtask test` needs.
pub(crate) const FOR_TESTS: &[Need] = &[NATS, PYTHON, NODE];
/// What `cargo xtask demo` needs.
pub(crate) const FOR_DEMO: &[Need] = &[NATS];
/// What the full run in CI needs.
pub(crate) const WITH_POSTGRESQL: &[Need] = &[NATS, PYTHON, NODE, POSTGRESQL];

fn debian_postgresql_is_there() -> bool {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else {
        return false;
    };
    versions
        .flatten()
        .any(|version| version.path().join("bin/initdb").is_file())
}

/// Makes sure that everything in `needs` is there.
///
/// # Errors
/// Something is missing and cannot or may not be installed; the message holds the command to copy.
pub(crate) fn ensure(needs: &[Need], mode: Mode) -> Result<(), Failure> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        println!(
            "setup: {} is missing; it is needed for {}",
            need.name, need.purpose
        );
    }
    let names: Vec<&str> = missing.iter().map(|need| need.name).collect();
    if find_program("apt-get").is_none() {
        return Err(Failure::new(
            format!(
                "{} missing, and this is not a Debian system",
                names.join(" and ")
            ),
            "install them with this system's package manager, then run this again",
        ));
    }
    let rights = Rights::find();
    let copyable = command_to_copy(&missing, rights);
    if mode == Mode::PrintOnly || rights == Rights::None {
        println!("{copyable}");
        return Err(Failure::new(
            format!("{} missing", names.join(" and ")),
            format!("run: {copyable}"),
        ));
    }
    install(&missing, rights)?;
    quiet_services(&missing, rights);
    match missing.iter().find(|need| !(need.present)()) {
        None => Ok(()),
        Some(need) => Err(Failure::new(
            format!(
                "{} is still missing after its package was installed",
                need.name
            ),
            "is another version of it earlier on the PATH?",
        )),
    }
}

fn install(missing: &[&Need], rights: Rights) -> Result<(), Failure> {
    let packages = packages_of(missing);
    println!("setup: installing {} with apt-get", packages.join(", "));
    run_as_root(
        rights,
        &[
            "apt-get",
            "-o",
            APT_LOCK_WAIT,
            "-o",
            APT_RETRIES,
            "-q",
            "update",
        ],
    )?;
    let mut words = vec![
        "apt-get",
        "-o",
        APT_LOCK_WAIT,
        "-o",
        APT_RETRIES,
        "-q",
        "install",
        "-y",
    ];
    words.push("--no-install-recommends");
    words.extend(packages);
    run_as_root(rights, &words)
}

/// Stops what the new packages started. A machine without running services has nothing to stop,
/// so what these commands answer is not looked at.
fn quiet_services(installed: &[&Need], rights: Rights) {
    for service in installed.iter().filter_map(|need| need.service) {
        let stop: &[&str] = if Path::new("/run/systemd/system").is_dir() {
            &["systemctl", "disable", "--now", service]
        } else {
            &["service", service, "stop"]
        };
        if succeeds(&mut as_root(rights, stop)) {
            println!("setup: stopped the system service {service}; tests and demo start their own");
        }
    }
}

fn run_as_root(rights: Rights, words: &[&str]) -> Result<(), Failure> {
    let mut command = as_root(rights, words);
    let line = written_out(&command);
    let status = command
        .status()
        .map_err(|error| not_started(&line, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(
            format!("`{line}` ended with {status}"),
            "read its messages above, then run it by hand",
        ))
    }
}

fn as_root(rights: Rights, words: &[&str]) -> Command {
    let mut command = match rights {
        Rights::Root | Rights::None => Command::new("env"),
        Rights::Sudo => {
            let mut sudo = Command::new("sudo");
            sudo.arg("env");
            sudo
        }
    };
    command.arg("DEBIAN_FRONTEND=noninteractive").args(words);
    command
}

/// How this process may install.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rights {
    Root,
    Sudo,
    None,
}

impl Rights {
    fn find() -> Self {
        let id = Command::new("id")
            .arg("-u")
            .output()
            .map(|output| output.stdout);
        if id.is_ok_and(|id| id.trim_ascii() == b"0") {
            Self::Root
        } else if find_program("sudo").is_some() {
            Self::Sudo
        } else {
            Self::None
        }
    }
}

fn packages_of(missing: &[&Need]) -> Vec<&'static str> {
    missing
        .iter()
        .flat_map(|need| need.packages.iter().copied())
        .collect()
}

fn command_to_copy(missing: &[&Need], rights: Rights) -> String {
    let packages = packages_of(missing).join(" ");
    let plain = format!("apt-get update && apt-get install -y --no-install-recommends {packages}");
    match rights {
        Rights::Root => plain,
        Rights::Sudo => plain.replace("apt-get", "sudo apt-get"),
        Rights::None => format!("su -c '{plain}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, NATS, Need, POSTGRESQL, Rights, command_to_copy, ensure};

    #[test]
    fn one_command_installs_all_that_is_missing() {
        let missing = [&NATS, &POSTGRESQL];
        assert_eq!(
            command_to_copy(&missing, Rights::Root),
            "apt-get update && apt-get install -y --no-install-recommends nats-server postgresql"
        );
        assert_eq!(
            command_to_copy(&missing[..1], Rights::Sudo),
            "sudo apt-get update && sudo apt-get install -y --no-install-recommends nats-server"
        );
        assert!(command_to_copy(&missing, Rights::None).starts_with("su -c 'apt-get update"));
    }

    #[test]
    fn nothing_is_installed_when_the_caller_forbids_it() {
        let absent = Need {
            present: || false,
            ..NATS
        };
        let failure = ensure(&[absent], Mode::PrintOnly).unwrap_err().to_string();
        assert!(failure.contains("nats-server"), "{failure}");
    }

    #[test]
    fn what_is_there_needs_nothing() {
        let there = Need {
            present: || true,
            ..NATS
        };
        assert!(ensure(&[there], Mode::PrintOnly).is_ok());
    }
}
