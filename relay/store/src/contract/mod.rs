//! What every store must do, as tests that each backend runs with [`store_contract`].
//!
//! A backend gives an async function that makes a [`Subject`]: an empty store, and a way to close it
//! and open it again.

pub(crate) mod access_codes;
pub(crate) mod atomicity;
pub(crate) mod bots;
pub(crate) mod channels;
pub(crate) mod entries;
pub(crate) mod idempotency;
mod log;
pub(crate) mod memberships;
mod oauth;
pub(crate) mod oauth_access_tokens;
pub(crate) mod oauth_authorization_codes;
pub(crate) mod oauth_clients;
pub(crate) mod oauth_expiry;
pub(crate) mod oauth_grants;
pub(crate) mod oauth_refresh_tokens;
pub(crate) mod tokens;

use std::sync::Arc;

use futures::future::BoxFuture;

pub(crate) use self::log::Log;
use crate::Store;

/// An empty store, and how to open it again.
pub(crate) struct Subject {
    store: Arc<dyn Store>,
    open: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Store>>>,
}

impl Subject {
    /// The store that `open` opens, now and later.
    pub(crate) async fn new(open: impl Fn() -> BoxFuture<'static, Arc<dyn Store>> + 'static) -> Self {
        Self { store: open().await, open: Box::new(open) }
    }

    /// Closes the store and opens it again.
    async fn reopen(self) -> Self {
        drop(self.store);
        Self { store: (self.open)().await, open: self.open }
    }
}

impl std::ops::Deref for Subject {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

/// Makes a test of every function of the contract; `$subject` is an `async fn() -> Subject`.
macro_rules! store_contract {
    ($subject:path) => {
        $crate::contract::store_contract! { $subject:
            channels {
                are_unknown_until_made
                are_looked_up_as_they_were_left
                cannot_be_made_twice
                grow_from_their_end_only
                let_one_of_many_writers_win
                take_batches_in_the_order_of_the_calls
                append_for_callers_that_have_gone
                stay_when_the_store_is_opened_again
                answer_a_check
            }
            entries {
                come_back_as_they_were_written
                come_in_pages
                come_at_least_one_at_a_time
                are_of_one_channel
            }
            idempotency {
                keeps_what_was_done_first
                refuses_a_repeat_and_all_that_comes_with_it
                belongs_to_a_scope
                knows_a_repeat_in_a_channel_that_has_moved_on
                lets_one_of_two_channels_have_a_key
            }
            bots {
                start_at_the_entry_that_attached_them
                keep_their_state_until_they_change_it
                move_only_from_where_they_are
                do_not_move_once_detached
                may_come_and_go_in_one_batch
                are_due_until_they_have_passed_their_last_trigger
                move_without_an_entry
            }
            memberships {
                list_tenures_by_slot_once_each
                list_channels_the_newest_first
            }
            atomicity {
                leaves_nothing_of_a_batch_whose_bot_moved
                leaves_nothing_of_a_channel_that_was_not_made
            }
            tokens {
                are_found_by_hash
                are_not_found_once_revoked
                persist_when_the_store_is_reopened
            }
            oauth_clients {
                are_stored_as_registered
                need_not_be_registered
            }
            oauth_authorization_codes {
                are_stored_as_inserted
                create_their_grant_when_redeemed
                revoke_their_grant_when_redeemed_twice
                revoke_their_grant_when_redeemed_concurrently
                are_not_redeemed_when_missing_or_expired
                are_not_redeemed_once_the_access_code_is_revoked
            }
            oauth_access_tokens {
                find_their_grant_until_they_expire
                of_one_client_share_one_grant
                are_not_added_to_the_grant_of_another_party
                are_revoked_without_their_grant
            }
            oauth_refresh_tokens {
                are_replaced_by_new_tokens
                may_be_replaced_by_an_access_token_alone
                can_be_used_again_within_the_grace_period
                have_no_grace_period_once_a_replacement_is_used
                revoke_their_grant_when_reused
                revoke_their_grant_when_reused_after_they_expired
                are_invalid_when_missing_or_expired
                are_revoked_with_their_grant
            }
            oauth_grants {
                are_listed_newest_first
                are_revoked_with_all_their_tokens
            }
            access_codes {
                are_found_by_hash_and_looked_up_by_id
                are_revoked_with_the_grants_of_their_principal
            }
            oauth_expiry {
                deletes_expired_codes
                deletes_expired_tokens_and_grants_without_tokens
                deletes_client_credentials_grants_without_tokens
                keeps_revoked_grants_until_their_tokens_expire
                deletes_unused_clients
            }
        }
    };
    ($subject:path: $($noun:ident { $($test:ident)* })*) => {
        $(mod $noun {
            $(#[tokio::test]
            async fn $test() {
                $crate::contract::$noun::$test($subject().await).await;
            })*
        })*
    };
}

pub(crate) use store_contract;
