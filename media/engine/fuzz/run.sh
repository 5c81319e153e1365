#!/usr/bin/env bash
# Fuzzes every target for SECONDS each, one after the other, on the stable toolchain and without cargo-fuzz:
#
#     media/engine/fuzz/run.sh SECONDS [TARGET...]
#
# libFuzzer needs edge counters. LLVM's pass that adds them is reached with plain code generation options, which
# stable rustc takes; with SANITIZER=address the targets are built with AddressSanitizer as well, and RUSTC_BOOTSTRAP=1
# then lets the stable compiler take the option for it. --target keeps the flags away from build scripts.
#
# New inputs are gathered in build/ and not kept. An input that breaks a target is written to crashes/TARGET/, where the
# tests of the wire and core crates replay it: commit it with the correction.
set -euo pipefail

seconds=${1:?usage: run.sh SECONDS [TARGET...]}
shift
here=$(cd "$(dirname "$0")" && pwd)
work=${FUZZ_WORK:-$here/../../../build/fuzz}
host=$(rustc -vV | sed -n 's/^host: //p')

flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
if [[ -n ${SANITIZER:-} ]]; then
    export RUSTC_BOOTSTRAP=1
    flags+=" -Zsanitizer=$SANITIZER"
fi
export RUSTFLAGS=$flags
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target}
cargo build --quiet --release --manifest-path "$here/Cargo.toml" --target "$host"

if [[ $# -eq 0 ]]; then
    set -- $(cd "$here/fuzz_targets" && basename --suffix=.rs -- *.rs)
fi
failed=0
for target in "$@"; do
    mkdir -p "$work/$target" "$here/seeds/$target" "$here/crashes/$target"
    log=$work/$target.log
    status=0
    "$CARGO_TARGET_DIR/$host/release/$target" "$work/$target" "$here/seeds/$target" "$here/crashes/$target" \
        -max_total_time="$seconds" -max_len=1500 -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$here/crashes/$target/" >"$log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
    echo "$target: ${runs:-0} runs in $seconds s, ${edges:-0} edges, $(find "$work/$target" -type f | wc -l) inputs, exit $status"
    if [[ $status -ne 0 ]]; then
        failed=1
        tail -n 25 "$log"
    fi
done
exit "$failed"
