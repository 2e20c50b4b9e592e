#!/usr/bin/env node
// Starts the native program for this platform, and ends with it.
"use strict";
const { spawn } = require("node:child_process");
const { join } = require("node:path");

const platform = `${process.platform}-${process.arch}`;
const name = process.platform === "win32" ? "mcp-multiplayer.exe" : "mcp-multiplayer";
const child = spawn(join(__dirname, "programs", platform, name), process.argv.slice(2), { stdio: "inherit" });

child.on("error", (error) => {
  const missing = error.code === "ENOENT";
  console.error(missing ? `mcp-multiplayer has no program for ${platform}. Build it from its source.` : error.message);
  process.exit(1);
});
child.on("exit", (code) => process.exit(code ?? 1));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
