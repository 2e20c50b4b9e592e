//! What the product does, one file for each behaviour: a relay process, and clients of its doors.
//!
//! In one program, so that it is linked once.

#![cfg(test)]

mod smoke;

mod access_codes;
mod authorize;
mod bad_arguments;
mod bad_requests;
mod bots;
mod browser;
mod configuration;
mod door;
mod health;
mod identity;
mod limits;
mod network;
mod oauth;
mod pages;
mod paging;
mod privacy;
mod progress;
mod randomness;
mod repeats;
mod replay;
mod rest;
mod rights;
mod sealed;
mod seats;
mod secrecy;
mod sizes;
mod slow;
mod subscriptions;
mod table;
mod timers;
mod tls;
mod tokens;
mod waiting;
mod words;
