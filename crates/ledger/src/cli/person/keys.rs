//! `ledger person master-key|rotate`: the keys that seal the persons' data keys.

use std::path::PathBuf;

use clap::Args;
use persons::MasterKeys;
use serde_json::json;

use crate::cli::Globals;
use crate::compose::{master_keys, open_persons};
use crate::config::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::progress::Progress;
use crate::output::table::facts;

/// Where to make it.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The file is readable by its owner only and never overwritten. Keep it, and one
copy of it, apart from the data folder and its backups: whoever has both can
read every person's data, and without it nobody can, ever.

Examples:
  ledger person master-key /etc/ledger/person-master.keys")]
pub(super) struct MasterKeyArgs {
    /// The file to make.
    file: PathBuf,
}

/// How to rotate.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A new master key is put in front in the file, everything is sealed under it in
one commit, and the older keys are taken out of the file. Run again after an
interruption it goes on. Older copies of person-keys.sqlite are worthless once
the older master keys are destroyed: destroy the copies of the file too.

With the keys in LEDGER_PERSON_MASTER_KEY, put the new one in front (`,` between
them), rotate, then take the older one out.

Examples:
  ledger person rotate --data-dir /var/lib/ledger --config /etc/ledger/ledger.toml")]
pub(super) struct RotateArgs {}

pub(super) fn master_key(args: &MasterKeyArgs, globals: &Globals) -> Result<Exit, Failure> {
    let id = MasterKeys::make(&args.file)?;
    globals.console.answer(
        || {
            facts(&[
                ("made", args.file.display().to_string()),
                ("id", id.to_string()),
                (
                    "to do",
                    "set person_master_key_file to it, and keep a copy apart".to_owned(),
                ),
            ])
        },
        || json!({"file": args.file, "id": id.to_string()}),
    )?;
    Ok(Exit::Done)
}

pub(super) fn rotate(_: &RotateArgs, globals: &Globals) -> Result<Exit, Failure> {
    let settings = globals.settings(Vec::new())?;
    let Some(masters) = master_keys(&settings)? else {
        return Err(
            Failure::usage("PERSONS_MASTER_KEY", "no master key is configured")
                .advise("set person_master_key_file; `ledger person master-key` makes one"),
        );
    };
    if !settings.data_dir.join("persons.sqlite").exists() {
        let what = format!("there are no persons in {}", settings.data_dir.display());
        return Err(
            Failure::usage("NO_PERSONS", what).advise("give the ledger's folder with --data-dir")
        );
    }
    let store = open_persons(&settings, &masters)?;
    let masters = with_a_new_one(&settings, masters, store.master())?;
    let progress = Progress::begin(globals.console, "sealing anew", "persons", 0);
    let rotated = store.rotate(&masters, &mut |persons| progress.set(persons))?;
    progress.end();
    drop(store);
    let file = file_of(&settings);
    if let Some(file) = &file {
        masters.newest_alone().write(file)?;
    }
    let to_do = if file.is_some() {
        "destroy the copies of the file with the older keys, and older copies of person-keys.sqlite"
    } else {
        "take the older keys out of person_master_key"
    };
    globals.console.answer(
        || {
            facts(&[
                ("master key", rotated.master.to_string()),
                ("sealed anew", format!("{} persons", rotated.persons)),
                ("to do", to_do.to_owned()),
            ])
        },
        || json!({"master_key": rotated.master.to_string(), "persons": rotated.persons, "to_do": to_do}),
    )?;
    Ok(Exit::Done)
}

fn file_of(settings: &Settings) -> Option<PathBuf> {
    match &settings.person_master_key {
        Some(_) => None,
        None => settings.person_master_key_file_in_force(),
    }
}

/// The keys with a new one in front, durable before anything is sealed under it. A rotation that was cut
/// short has left one there already.
fn with_a_new_one(
    settings: &Settings,
    masters: MasterKeys,
    in_force: persons::MasterId,
) -> Result<MasterKeys, Failure> {
    if masters.newest() != in_force {
        return Ok(masters);
    }
    let Some(file) = file_of(settings) else {
        return Err(Failure::usage(
            "PERSONS_MASTER_KEY",
            "the first key of person_master_key is the one in force; there is nothing to rotate to",
        )
        .advise("put a new key in front of it; `ledger person master-key FILE` makes one"));
    };
    // After a rotation that ended between its commit and this point the first key is in force and older
    // ones still stand behind it: the new one takes their place as well.
    let masters = masters.with_a_new_one()?;
    masters.write(&file)?;
    Ok(masters)
}
