//! What a channel is: the state that a log leads to, and the rules of what may follow.
//!
//! Two pure functions hold it all. [`allowed`] says whether an entry may follow a state, [`evolve`]
//! what state it leads to. A relay asks the first before it appends, a verifier folds both over a
//! transcript. [`plan`] says which hooks of a bot an entry starts.

mod allowed;
mod evolve;
mod plan;
mod state;

pub use allowed::{allowed, may_change_bots};
pub use evolve::{draft, evolve, evolve_composition};
pub use plan::{Hook, HookCall, plan};
pub use state::{Bot, ChannelState, Composition, Head, Holder, Slot, SlotKind};

pub(crate) use plan::wakes;
