use crate::config::Access;
use crate::store::{Store, StoreError};

/// Returns whether a principal with an OAuth grant still has access to the relay. The operator may have changed the
/// relay's access, or revoked the person's access code, since the grant was made.
///
/// On an invitation-only relay, the id of a person is that of their access code, which must not be revoked.
pub(crate) async fn has_access(store: &dyn Store, access: Access, principal: &str) -> Result<bool, StoreError> {
    match access {
        Access::Open => Ok(true),
        Access::Invite => match principal.strip_prefix("person:") {
            Some(id) => Ok(store.lookup_access_code(id.to_owned()).await?.is_some()),
            None => Ok(false),
        },
        Access::Closed => Ok(false),
    }
}
