//! Behaviour tests, one file for each behaviour: a relay process, and clients of its transports.
//!
//! All of them are one program, so that it is linked once.

#![cfg(test)]

mod smoke;

mod access_codes;
mod authorize;
mod bad_arguments;
mod bad_requests;
mod boards;
mod bot_identity;
mod bot_secrets;
mod bots;
mod browser;
mod budgets;
mod closing;
mod configuration;
mod courtesies;
mod direct_calls;
mod doctor;
mod egress;
mod error_messages;
mod events;
mod fixture;
mod get_receipt;
mod health;
mod idempotency;
mod introduction;
mod limits;
mod local_relay;
mod log_key;
mod login;
mod login_refresh;
mod lying_relay;
mod model_cost;
mod oauth;
mod operating;
mod operator_channels;
mod pages;
mod paging;
mod permissions;
mod practice;
mod privacy;
mod progress;
mod proofs;
mod randomness;
mod receipts;
mod relay_key;
mod replay;
mod rest;
mod result_sizes;
mod revocation;
mod sandbox_minimum;
mod seats;
mod secrets_at_rest;
mod security_events;
mod several_relays;
mod slow_clients;
mod stdio_events;
mod storage;
mod subscriptions;
mod tenures;
mod terms;
mod timers;
mod tls;
mod tokens;
mod transport;
mod verified_reading;
mod wait_for;
mod waiting;
mod waking;
mod webhook_limits;
mod webhooks;
