use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crate::auth::Principal;
use crate::store::{Store, StoreError};

/// A principal as the creator of channels, with the number of bytes that are stored for all channels that it created.
#[derive(Debug)]
pub(crate) struct Owner {
    principal: Principal,
    bytes: AtomicI64,
}

impl Owner {
    pub(super) fn new(principal: Principal, bytes: u64) -> Self {
        Self { principal, bytes: AtomicI64::new(i64::try_from(bytes).unwrap_or(i64::MAX)) }
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Number of bytes that are stored for all its channels.
    pub(crate) fn stored_bytes(&self) -> u64 {
        u64::try_from(self.bytes.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Adds the growth of one of its channels.
    pub(super) fn add(&self, growth: i64) {
        self.bytes.fetch_add(growth, Ordering::Relaxed);
    }
}

/// The owners of live channels. The sum of an owner's bytes is read from the store when the first of its channels becomes
/// live, and follows the appends from then on.
pub(super) struct Owners {
    store: Arc<dyn Store>,
    /// Number of owners beyond which those without a live channel are forgotten.
    capacity: usize,
    by_principal: Mutex<HashMap<Principal, Weak<Owner>>>,
}

impl Owners {
    pub(super) fn new(store: Arc<dyn Store>, capacity: usize) -> Self {
        Self { store, capacity, by_principal: Mutex::default() }
    }

    /// The owner of this name.
    pub(super) async fn get(&self, principal: &Principal) -> Result<Arc<Owner>, StoreError> {
        let find = |owners: &HashMap<Principal, Weak<Owner>>| owners.get(principal).and_then(Weak::upgrade);
        let found = find(&self.by_principal());
        if let Some(owner) = found {
            return Ok(owner);
        }
        let bytes = self.store.stored_bytes_of(principal.as_str().to_owned()).await?;
        let mut owners = self.by_principal();
        // Another call may have read the sum meanwhile, and its channel may have grown since.
        if let Some(owner) = find(&owners) {
            return Ok(owner);
        }
        if owners.len() >= self.capacity {
            owners.retain(|_, owner| owner.strong_count() > 0);
        }
        let owner = Arc::new(Owner::new(principal.clone(), bytes));
        owners.insert(principal.clone(), Arc::downgrade(&owner));
        Ok(owner)
    }

    /// Reads the sums again, because another process has changed the store. What is appended meanwhile may be counted twice.
    pub(super) async fn refresh(&self) -> Result<(), StoreError> {
        let owners: Vec<_> = self.by_principal().values().filter_map(Weak::upgrade).collect();
        for owner in owners {
            let before = owner.bytes.load(Ordering::Relaxed);
            let bytes = self.store.stored_bytes_of(owner.principal.as_str().to_owned()).await?;
            owner.add(i64::try_from(bytes).unwrap_or(i64::MAX) - before);
        }
        Ok(())
    }

    fn by_principal(&self) -> MutexGuard<'_, HashMap<Principal, Weak<Owner>>> {
        self.by_principal.lock().expect("no code panics while it holds this lock")
    }
}

impl fmt::Debug for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owners({})", self.by_principal().len())
    }
}
