use crate::config::Access;
use crate::store::{Store, StoreError};

/// Whether the operator lets a principal in that once came by OAuth; it may have changed since.
///
/// By invitation a person's id is that of the access code it came with, which must not have been revoked.
pub(crate) async fn is_admitted(store: &dyn Store, access: Access, principal: &str) -> Result<bool, StoreError> {
    match access {
        Access::Open => Ok(true),
        Access::Invite => match principal.strip_prefix("person:") {
            Some(id) => Ok(store.lookup_access_code(id.to_owned()).await?.is_some()),
            None => Ok(false),
        },
        Access::Closed => Ok(false),
    }
}
