//! The contract suite: tests that every backend must pass, run with [`store_contract!`](crate::store_contract).
//!
//! A backend provides an async function that returns a [`Subject`]: an empty store, and a way to close it
//! and open it again. A backend in another crate enables the feature `contract`.
#![expect(clippy::unwrap_used, reason = "these are tests, although they can be compiled without `cfg(test)`")]

pub mod accepted_terms;
pub mod access_codes;
pub mod atomicity;
pub mod bots;
pub mod channels;
pub mod deletion;
pub mod entries;
pub mod idempotency;
pub mod log;
pub mod log_identity;
pub mod memberships;
pub mod nodes;
mod oauth;
pub mod oauth_access_tokens;
pub mod oauth_authorization_codes;
pub mod oauth_clients;
pub mod oauth_device_codes;
pub mod oauth_expiry;
pub mod oauth_grants;
pub mod oauth_refresh_tokens;
pub mod relay_key;
pub mod stored_bytes;
pub mod tokens;
pub mod webhooks;

use std::sync::Arc;

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::ChannelId;
use mcp_multiplayer_protocol::channel::ChannelState;

use crate::Store;

/// A store to be tested, which is empty at first.
#[expect(missing_debug_implementations, reason = "a store need not be printable")]
pub struct Subject {
    store: Arc<dyn Store>,
    open: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Store>>>,
}

impl Subject {
    /// Opens the store with `open`, which is called again whenever a test reopens it.
    pub async fn new(open: impl Fn() -> BoxFuture<'static, Arc<dyn Store>> + 'static) -> Self {
        Self { store: open().await, open: Box::new(open) }
    }

    /// Closes the store and opens it again.
    async fn reopen(self) -> Self {
        drop(self.store);
        Self { store: (self.open)().await, open: self.open }
    }

    /// The state of a channel.
    async fn state_of(&self, channel_id: ChannelId) -> Option<ChannelState> {
        self.store.lookup_channel(channel_id).await.unwrap().map(|stored| stored.state)
    }
}

impl std::ops::Deref for Subject {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

/// Generates a test for every function of the contract. `$subject` is an `async fn() -> Subject`, as seen from a
/// module inside the one in which the macro is used.
#[macro_export]
macro_rules! store_contract {
    ($subject:path) => {
        $crate::store_contract! { $subject:
            channels {
                are_unknown_until_created
                are_looked_up_as_last_appended
                cannot_be_created_twice
                grow_at_their_end_only
                let_one_of_several_writers_win
                take_batches_in_the_order_of_the_calls
                append_even_if_the_future_is_dropped
                survive_a_reopen
                are_listed_the_largest_first
                pass_a_check
            }
            entries {
                are_read_as_they_were_written
                are_listed_in_pages
                are_listed_at_least_one_at_a_time
                are_listed_by_channel
            }
            idempotency {
                records_the_first_request
                refuses_the_whole_batch_of_a_repeat
                keys_are_unique_within_a_scope
                recognizes_a_repeat_after_the_channel_has_grown
                lets_one_of_two_new_channels_use_a_key
            }
            bots {
                start_at_the_entry_that_attached_them
                keep_their_state_until_they_change_it
                move_only_from_their_stored_cursor
                do_not_move_after_they_were_detached
                may_be_attached_and_detached_in_one_batch
                are_due_until_they_have_passed_their_last_trigger
                may_move_without_an_entry
            }
            memberships {
                list_tenures_by_slot_without_duplicates
                are_listed_by_channel
                end_memberships_of_a_slot
                list_channels_the_newest_first
            }
            accepted_terms {
                are_listed_by_principal_the_newest_first
                are_forgotten_beyond_the_limit
            }
            stored_bytes {
                are_counted_with_every_append
                are_summed_up_by_owner
            }
            deletion {
                leaves_no_trace_of_a_channel
                destroys_the_bodies_that_an_entry_names
            }
            atomicity {
                a_batch_that_was_prepared_against_a_refused_one_is_refused
                a_batch_with_a_moved_bot_leaves_no_trace
                a_refused_new_channel_leaves_no_trace
            }
            relay_key {
                is_bound_once
            }
            log_identity {
                is_bound_once
            }
            nodes {
                are_stored_with_the_entry_that_completes_them
                make_every_proof
                are_missing_beyond_the_end_of_the_log
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
            oauth_device_codes {
                are_stored_as_inserted
                have_user_codes_of_their_own
                create_their_grant_when_approved_and_redeemed
                are_decided_on_once
                are_not_redeemed_unless_approved_in_time
                are_not_redeemed_once_the_access_code_is_revoked
                revoke_their_grant_when_redeemed_twice
                are_deleted_with_unused_clients_once_expired
            }
            oauth_access_tokens {
                find_their_grant_until_they_expire
                of_one_client_share_one_grant
                of_a_revoked_client_are_invalid_for_every_resource
                of_a_client_are_invalid_once_it_revokes_its_grant
                of_a_client_outlast_the_revocation_of_a_persons_grant
                are_not_added_to_the_grant_of_another_party
                are_revoked_without_their_grant
            }
            oauth_refresh_tokens {
                are_replaced_by_new_tokens
                may_be_replaced_by_an_access_token_alone
                can_be_used_again_within_the_grace_period
                have_no_grace_period_once_a_replacement_is_used
                let_a_client_go_on_with_any_one_replacement
                let_a_client_go_on_after_concurrent_refreshes
                revoke_their_grant_when_two_replacements_are_used
                revoke_their_grant_when_a_second_replacement_is_used_long_afterwards
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
            webhooks {
                are_refreshed_under_the_same_id
                are_limited_for_each_principal
                expire
                keep_their_progress_when_the_store_is_reopened
                are_deleted
            }
            oauth_expiry {
                deletes_expired_codes
                deletes_expired_tokens_and_grants_without_tokens
                deletes_client_credentials_grants_without_tokens
                keeps_revoked_grants_until_their_tokens_expire
                keeps_the_revocation_of_a_client_that_acts_for_itself
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
