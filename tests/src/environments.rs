//! Where foreign clients run: a virtual environment for Python and a folder of packages for Node, each made once
//! under the build folder from the usual index.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;

/// Packages of the scripts, at the versions that were tried.
const PACKAGES: &[&str] = &[
    "grpcio>=1.60,<2",
    "grpcio-reflection>=1.60,<2",
    "grpcio-status>=1.60,<2",
    "nats-py>=2.6,<3",
    "kurrentdbclient==1.3.5",
];

/// A folder of this build for something that is made once.
fn folder_for(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().unwrap().parent().unwrap().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Tests run side by side; one of them makes it, the others wait. What is wanted is written down when it is
/// there, so that a change makes it anew.
fn made_once(folder: &Path, wanted: &str, make: impl FnOnce()) {
    let making = File::create(folder.join("making")).unwrap();
    making.lock().unwrap();
    let ready = folder.join("ready");
    if std::fs::read_to_string(&ready).is_ok_and(|made| made == wanted) {
        return;
    }
    make();
    std::fs::write(ready, wanted).unwrap();
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// The environment's Python, made where it is missing.
#[must_use]
pub fn python() -> PathBuf {
    let folder = folder_for("python-clients");
    let python = folder.join("bin/python");
    made_once(&folder, &PACKAGES.join("\n"), || {
        succeeds(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        succeeds(Command::new(&python).args(install).args(PACKAGES));
    });
    python
}

/// A folder with the Node sample and its packages.
#[must_use]
pub fn node_sample() -> PathBuf {
    let folder = folder_for("node-samples");
    let sample = root().join("samples/node");
    let wanted = std::fs::read_to_string(sample.join("package.json")).unwrap();
    made_once(&folder, &wanted, || {
        std::fs::copy(sample.join("package.json"), folder.join("package.json")).unwrap();
        let install = ["install", "--no-audit", "--no-fund", "--loglevel", "error"];
        succeeds(Command::new("npm").args(install).current_dir(&folder));
    });
    std::fs::copy(sample.join("pay.mjs"), folder.join("pay.mjs")).unwrap();
    folder
}

/// The folder of the official KurrentDB client for Node, at the versions of its lock file, with the script
/// that uses it. `None`, and it says so, where there is no Node.
#[must_use]
pub fn node_kurrent_client() -> Option<PathBuf> {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("SKIPPED: there is no node; on Debian: apt-get install nodejs npm");
        return None;
    }
    let folder = folder_for("node-kurrent-client");
    let clients = root().join("tests/clients");
    let wanted = std::fs::read_to_string(clients.join("node/package-lock.json")).unwrap();
    made_once(&folder, &wanted, || {
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(clients.join("node").join(file), folder.join(file)).unwrap();
        }
        let install = ["ci", "--no-audit", "--no-fund", "--loglevel", "error"];
        succeeds(Command::new("npm").args(install).current_dir(&folder));
    });
    // In place of another's file at once, since tests run side by side.
    let copy = folder.join(format!("kurrent_client.{}", std::process::id()));
    std::fs::copy(clients.join("kurrent_client.mjs"), &copy).unwrap();
    std::fs::rename(copy, folder.join("kurrent_client.mjs")).unwrap();
    Some(folder)
}
