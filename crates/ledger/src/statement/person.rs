//! The name on a document: asked of the persons' records, only when it is wanted, by whoever may (C17).

use command_api::pb;

use crate::cli::client::Connected;
use crate::failure::Failure;
use crate::statement::Statement;

/// Puts the name of who is responsible for payments on a document.
///
/// # Errors
/// When nobody is known to be, or the key may not see persons' records.
pub(crate) async fn named(
    connected: &Connected,
    mut statement: Statement,
) -> Result<Statement, Failure> {
    let Some(person) = &statement.customer else {
        let what = format!("account {} names nobody", statement.account);
        return Err(Failure::refused("NO_PERSON", what).advise("print it without --with-person"));
    };
    let request = pb::GetPersonRequest {
        person: person.to_string(),
    };
    let found = connected.client.persons().get_person(request).await?;
    statement.name = found.into_inner().data.map(|data| data.name);
    Ok(statement)
}
