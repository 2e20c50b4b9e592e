use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::yield_now;

use crate::{HttpClient, Signal, WsClient, send_signal};

/// Path of a binary that was built beside the running test.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let profile = test.ancestors().find(|path| path.join(name).is_file());
    profile.unwrap_or_else(|| panic!("{name} is not built; run: cargo build --workspace --bins")).join(name)
}

/// A relay in its own process, with a data directory that is kept over restarts.
#[derive(Debug)]
pub struct RelayProcess {
    directory: TempDir,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    child: Option<Child>,
    address: String,
    /// Log at level debug, into a file.
    verbose: bool,
}

impl RelayProcess {
    /// Starts a relay on a free port.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts a relay with additional flags.
    pub async fn start_with(arguments: &[&str]) -> Result<Self> {
        Self::start_configured(arguments, &[], false).await
    }

    /// Starts a relay with additional flags and environment variables.
    pub async fn start_with_env(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Self> {
        Self::start_configured(arguments, variables, false).await
    }

    /// Starts a relay that logs at level debug, for [`RelayProcess::logged`].
    pub async fn start_verbose(arguments: &[&str]) -> Result<Self> {
        Self::start_configured(arguments, &[], true).await
    }

    async fn start_configured(arguments: &[&str], variables: &[(&str, &str)], verbose: bool) -> Result<Self> {
        let mut relay = Self {
            directory: tempfile::tempdir()?,
            arguments: arguments.iter().map(OsString::from).collect(),
            variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
            child: None,
            address: "127.0.0.1:0".to_owned(),
            verbose,
        };
        relay.spawn(None).await?;
        Ok(relay)
    }

    /// Reads the log of a relay that was started with [`RelayProcess::start_verbose`].
    pub fn logged(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.data_dir().join("stderr"))?)
    }

    /// Address as `127.0.0.1:port`. A restart keeps it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Process id, while the relay runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref()?.id()
    }

    /// Reads the token that this machine's users share.
    pub fn local_token(&self) -> Result<String> {
        let path = self.data_dir().join("local-token");
        Ok(std::fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?.trim().to_owned())
    }

    /// Creates a token with the operator's command, `token create`.
    pub async fn create_token(&self, name: &str) -> Result<String> {
        let output = Command::new(binary("mcp-multiplayer-relay"))
            .args(["token", "create", "--name", name, "--data-dir"])
            .arg(self.data_dir())
            .env_remove("MCP_MULTIPLAYER_FAILPOINT")
            .output()
            .await?;
        if !output.status.success() {
            bail!("token create failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Opens a WebSocket connection with the local token.
    pub async fn connect(&self) -> Result<WsClient> {
        WsClient::connect(&self.address, &self.local_token()?).await
    }

    /// Opens an HTTP connection with the local token.
    pub async fn http(&self) -> Result<HttpClient> {
        HttpClient::connect(&self.address, &self.local_token()?).await
    }

    /// Kills the process as `kill -9` does, and waits for its end.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Asks the process to end with SIGTERM, and waits for it. Returns whether it exited successfully.
    pub async fn terminate(&mut self) -> Result<bool> {
        let Some(mut child) = self.child.take() else { bail!("the relay is not running") };
        let pid = child.id().context("the relay has ended")?;
        send_signal(pid, Signal::TERM);
        Ok(child.wait().await?.success())
    }

    /// Waits until the process has ended on its own, at a fail point. Returns whether it exited successfully.
    pub async fn wait_for_exit(&mut self) -> Result<bool> {
        let Some(mut child) = self.child.take() else { bail!("the relay is not running") };
        Ok(child.wait().await?.success())
    }

    /// Starts the relay again on the same data and port. With `failpoint`, as `name@n`, the process ends when it reaches
    /// that fail point for the n-th time.
    pub async fn restart(&mut self, failpoint: Option<&str>) -> Result<()> {
        self.kill().await?;
        // A child that the dead relay had just forked holds a copy of the listening socket, and so keeps the port in use,
        // until it executes the worker's program.
        while TcpListener::bind(&self.address).await.is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
            yield_now().await;
        }
        self.spawn(failpoint).await
    }

    async fn spawn(&mut self, failpoint: Option<&str>) -> Result<()> {
        let mut command = Command::new(binary("mcp-multiplayer-relay"));
        command.args(["--listen", &self.address, "--data-dir"]).arg(self.data_dir());
        command.args(["--log", if self.verbose { "debug" } else { "warn" }]);
        command.args(&self.arguments).envs(self.variables.iter().cloned()).current_dir(self.data_dir());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        if self.verbose {
            let path = self.data_dir().join("stderr");
            command.stderr(OpenOptions::new().append(true).create(true).open(path)?);
        }
        if let Some(failpoint) = failpoint {
            command.env("MCP_MULTIPLAYER_FAILPOINT", failpoint);
        }
        let mut child = command.spawn().context("cannot start the relay")?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        self.child = Some(child);
        let line = BufReader::new(stdout).lines().next_line().await?;
        let line = line.context("the relay ended before it listened")?;
        line.strip_prefix("listening on http://")
            .or_else(|| line.strip_prefix("listening on https://"))
            .context("the relay's first line of output is its address")?
            .clone_into(&mut self.address);
        Ok(())
    }
}
