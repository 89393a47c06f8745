//! `PersonService`: who stands behind an opaque reference. The records are files of their own, so each call
//! is carried out away from the threads that serve sockets.

use std::sync::Arc;

use ::persons::{By, Persons, PersonsError};
use tonic::{Request, Response, Status};

use super::{Api, call_of};
use crate::convert::{
    AskedAdd, AskedAudit, AskedErasure, AskedList, AskedUpdate, person_named, sought,
};
use crate::errors::No;
use crate::gate::Call;
use crate::pb;
use crate::person_errors::PersonNo;

/// Serves `PersonService`.
#[derive(Clone)]
pub(crate) struct PersonRecords(pub(crate) Arc<Api>);

fn by(call: &Call) -> By {
    By {
        actor: call.principal.actor.clone(),
        at: call.received_at,
    }
}

impl PersonRecords {
    /// Carries out one act on the records and gives its answer as a message.
    async fn act<T, A>(
        &self,
        act: impl FnOnce(&Persons) -> Result<T, PersonsError> + Send + 'static,
    ) -> Result<A, No>
    where
        T: Send + 'static,
        A: From<T>,
    {
        let Some(persons) = self.0.persons.clone() else {
            let text = PersonNo::NotKept.line().meaning.to_owned();
            return Err(No::Person(PersonNo::NotKept, text, Vec::new()));
        };
        let bug = |error: &dyn std::fmt::Display| {
            No::Bug(format!(
                "an act on the persons' records was not carried out: {error}"
            ))
        };
        let _place = self.0.person_calls.acquire().await.map_err(|e| bug(&e))?;
        let done = tokio::task::spawn_blocking(move || act(&persons)).await;
        Ok(A::from(done.map_err(|error| bug(&error))??))
    }
}

fn answered<A>(answer: Result<A, No>, reference: &str) -> Result<Response<A>, Status> {
    answer.map(Response::new).map_err(|no| no.status(reference))
}

#[tonic::async_trait]
impl pb::person_service_server::PersonService for PersonRecords {
    async fn add_person(
        &self,
        request: Request<pb::AddPersonRequest>,
    ) -> Result<Response<pb::AddPersonResponse>, Status> {
        let call = call_of(&request)?;
        let asked = AskedAdd::try_from((&call.principal.channel, request.get_ref()));
        let AskedAdd { key, form } = asked.map_err(|no| no.status(""))?;
        let (by, reference) = (by(&call), key.reference.clone());
        let done = self.act(move |persons| persons.add(&by, &key, &form)).await;
        answered(done, reference.as_str())
    }

    async fn get_person(
        &self,
        request: Request<pb::GetPersonRequest>,
    ) -> Result<Response<pb::GetPersonResponse>, Status> {
        let by = by(&*call_of(&request)?);
        let person = person_named(&request.get_ref().person).map_err(|no| no.status(""))?;
        answered(
            self.act(move |persons| persons.show(&by, &person)).await,
            "",
        )
    }

    async fn update_person(
        &self,
        request: Request<pb::UpdatePersonRequest>,
    ) -> Result<Response<pb::UpdatePersonResponse>, Status> {
        let by = by(&*call_of(&request)?);
        let asked = AskedUpdate::try_from(request.get_ref()).map_err(|no| no.status(""))?;
        let done = self
            .act(move |persons| persons.update(&by, &asked.person, asked.revision, &asked.change));
        answered(done.await, "")
    }

    async fn erase_person(
        &self,
        request: Request<pb::ErasePersonRequest>,
    ) -> Result<Response<pb::ErasePersonResponse>, Status> {
        let by = by(&*call_of(&request)?);
        let asked = AskedErasure::try_from(request.get_ref()).map_err(|no| no.status(""))?;
        let done = self.act(move |persons| {
            persons.erase(&by, &asked.person, asked.reason, asked.document.as_ref())
        });
        answered(done.await, "")
    }

    async fn list_persons(
        &self,
        request: Request<pb::ListPersonsRequest>,
    ) -> Result<Response<pb::ListPersonsResponse>, Status> {
        let asked = AskedList::try_from(request.get_ref()).map_err(|no| no.status(""))?;
        let done = self.act(move |persons| persons.list(asked.after.as_ref(), asked.limit));
        answered(done.await, "")
    }

    async fn find_persons(
        &self,
        request: Request<pb::FindPersonsRequest>,
    ) -> Result<Response<pb::FindPersonsResponse>, Status> {
        let by = by(&*call_of(&request)?);
        let sought = sought(request.get_ref()).map_err(|no| no.status(""))?;
        let done = self.act(move |persons| persons.find(&by, &sought));
        answered(done.await.map(found_answer), "")
    }

    async fn read_person_audit(
        &self,
        request: Request<pb::ReadPersonAuditRequest>,
    ) -> Result<Response<pb::ReadPersonAuditResponse>, Status> {
        let asked = AskedAudit::try_from(request.get_ref()).map_err(|no| no.status(""))?;
        let done =
            self.act(move |persons| persons.audit(asked.person.as_ref(), asked.after, asked.limit));
        answered(done.await, "")
    }
}

fn found_answer(found: Vec<ledger_core::ids::OpaqueRef>) -> pb::FindPersonsResponse {
    pb::FindPersonsResponse {
        persons: found.into_iter().map(|person| person.to_string()).collect(),
    }
}
