//! Schemes as they are tested: the built-in ones, or what a mutation run hands in for one of them.

use ledger_core::scheme::SchemePolicy;

/// The text of a built-in scheme, or the one that stands for it in a mutation run: the file that
/// `LEDGER_SCHEME_<NAME>` names. Read at run time, so that a mutant needs no compiler.
#[expect(
    clippy::disallowed_methods,
    reason = "a mutation run hands its mutant to the tests, not to the core"
)]
pub(crate) fn scheme_text(name: &str) -> String {
    let variable = format!("LEDGER_SCHEME_{}", name.to_uppercase());
    match std::env::var_os(variable) {
        Some(path) => std::fs::read_to_string(path).unwrap(),
        None => SchemePolicy::builtin_text(name).unwrap().to_owned(),
    }
}

/// A scheme as it is tested.
pub(crate) fn scheme(name: &str) -> SchemePolicy {
    SchemePolicy::from_toml(&scheme_text(name)).unwrap()
}
