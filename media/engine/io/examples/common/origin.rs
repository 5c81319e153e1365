//! What a report was measured on, in the form that all benchmarks of the project share.

use serde_json::{json, Value};
use std::process::Command;

/// The commit that is measured, with a sign for changes on top of it.
pub(crate) fn commit() -> String {
    let git = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output();
    let name = git.ok().filter(|output| output.status.success());
    name.map_or_else(
        || "unknown".into(),
        |output| String::from_utf8_lossy(&output.stdout).trim().into(),
    )
}

/// Processor, cores and kernel.
pub(crate) fn machine() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let mut lines = processors.lines();
    let model = lines.find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "cpu": model.map_or("unknown", |(_, name)| name),
        "cores": processors.matches("processor\t").count(),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}
