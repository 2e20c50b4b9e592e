//! Checks of this program, and of the clients that launch it.

use std::path::Path;

use super::report::Report;
use super::settings::Settings;
use crate::setup::{Client, ConfigFile, Entry, Folders, is_executable, is_on_search_path};

/// An entry for this program in the configuration of a client.
#[derive(Debug)]
pub(super) struct Installed {
    client: Client,
    name: String,
    pub(super) entry: Entry,
}

/// Checks the program that is running.
pub(super) fn check_program(report: &mut Report) {
    let version = env!("CARGO_PKG_VERSION");
    let Ok(entry) = Entry::of_this_program(None) else {
        return report.ok("program", format!("mcp-multiplayer {version}"));
    };
    let message = format!("mcp-multiplayer {version}, {}", entry.command);
    if entry.is_temporary() {
        let advice = "It is in a folder for temporary files. Install it in a permanent place, and run `mcp-multiplayer setup` from there.";
        report.problem("program", message, advice);
    } else {
        report.ok("program", message);
    }
}

/// Finds the clients that launch this program, and checks that they can.
pub(super) fn check_clients(report: &mut Report) -> Vec<Installed> {
    let Some(folders) = Folders::of_user() else {
        report.problem("clients", "The home directory is unknown.", "Set HOME.");
        return Vec::new();
    };
    let (mut installed, mut without, mut is_damaged) = (Vec::new(), Vec::new(), false);
    for client in Client::ALL {
        match entries(client, &folders) {
            Ok(entries) if entries.is_empty() && client.is_found(&folders) => without.push(client.argument()),
            Ok(entries) => installed.extend(entries),
            Err(reason) => {
                is_damaged = true;
                let message = format!("The configuration of {} {reason}.", client.title());
                report.problem("clients", message, "Correct the file: the client may not start with it.");
            }
        }
    }
    for Installed { client, name, entry } in &installed {
        let relay = Settings::of_entry(entry).relay.map(|relay| format!(", for {relay}")).unwrap_or_default();
        let message = format!("{} launches {} as \"{name}\"{relay}.", client.title(), entry.command);
        let path = Path::new(&entry.command);
        let is_there =
            if path.components().count() > 1 { is_executable(path) } else { is_on_search_path(&entry.command) };
        if is_there {
            report.ok("clients", message);
        } else {
            let advice = format!(
                "This program is missing, or cannot be run. To use the one that is running now: mcp-multiplayer setup {}",
                client.argument()
            );
            report.problem("clients", message, advice);
        }
    }
    if installed.is_empty() && !is_damaged {
        let setup = if without.is_empty() {
            let names = Client::ALL.map(Client::argument).join(", ");
            format!("mcp-multiplayer setup CLIENT, where CLIENT is one of {names}")
        } else {
            format!("mcp-multiplayer setup {}", without.join(" "))
        };
        report.unknown(
            "clients",
            "No client on this computer launches this program, of those that `setup` knows.",
            Some(format!("To add it: {setup}")),
        );
    }
    installed
}

fn entries(client: Client, folders: &Folders) -> Result<Vec<Installed>, String> {
    let file = ConfigFile::open(client.config_path(folders)).map_err(|error| format!("cannot be read: {error}"))?;
    let servers = client.format().servers(file.text());
    let servers = servers.map_err(|error| format!("cannot be understood, {}: {error}", file.path().display()))?;
    let own = servers.into_iter().filter_map(|server| Some((server.own()?.clone(), server.name)));
    Ok(own.map(|(entry, name)| Installed { client, name, entry }).collect())
}
