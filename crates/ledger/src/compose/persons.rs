//! Opening the persons' records: with the master keys of the configuration, or not at all.

use std::path::Path;

use persons::{MasterKeys, Persons};

use crate::config::Settings;
use crate::failure::Failure;

/// The master keys in force; `None` where none are configured, and then no persons are kept.
///
/// # Errors
/// When they cannot be read, or are given twice.
pub(crate) fn master_keys(settings: &Settings) -> Result<Option<MasterKeys>, Failure> {
    let Some(text) = &settings.person_master_key else {
        let Some(file) = settings.person_master_key_file_in_force() else {
            return Ok(None);
        };
        let is_chosen = settings.person_master_key_file.is_some();
        if is_chosen && lies_in(&file, &settings.data_dir) {
            tracing::warn!(
                file = %file.display(),
                "the master keys of persons' records lie beside what they seal: whoever copies the data \
                 folder can read everything"
            );
        }
        if !file.exists() {
            let what = format!("the file of master keys {} does not exist", file.display());
            return Err(Failure::usage("PERSONS_MASTER_KEY", what).advise(
                "make it with `ledger person master-key FILE`; if it was lost, restore its copy: nothing \
                 else opens the persons' records",
            ));
        }
        return Ok(Some(MasterKeys::read(&file)?));
    };
    if settings.person_master_key_file.is_some() {
        return Err(Failure::usage(
            "PERSONS_MASTER_KEY",
            "both person_master_key and person_master_key_file are set",
        )
        .advise("set one of the two"));
    }
    Ok(Some(MasterKeys::parse(text.secret())?))
}

fn lies_in(file: &Path, folder: &Path) -> bool {
    match (file.canonicalize(), folder.canonicalize()) {
        (Ok(file), Ok(folder)) => file.starts_with(folder),
        (Ok(_) | Err(_), _) => false,
    }
}

/// Opens the records in the data folder.
///
/// # Errors
/// Those of [`Persons::open`].
pub(crate) fn open_persons(settings: &Settings, masters: &MasterKeys) -> Result<Persons, Failure> {
    Ok(Persons::open(&settings.data_dir, masters)?)
}
