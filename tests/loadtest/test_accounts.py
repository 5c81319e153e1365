"""What the operating system says a process uses is read as it means it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from loadtest.accounts import Account, cpu_percent, read_account

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def test_work_of_this_process_is_counted() -> None:
    """A tenth of a second of CPU that this thread has used is in its account, and so is its memory."""
    before = read_account(os.getpid(), TICKS, PAGE)
    used = time.thread_time()
    while time.thread_time() - used < 0.1:
        sum(range(1000))
    after = read_account(os.getpid(), TICKS, PAGE)
    assert before is not None
    assert after is not None
    assert after.total_ns - before.total_ns >= 80_000_000
    assert after.memory_bytes > 1_000_000


def test_threads_are_told_apart_by_name() -> None:
    """A thread that runs is in the account under its name while it runs."""
    done = threading.Event()
    worker = threading.Thread(target=done.wait)
    worker.start()
    try:
        assert worker.native_id is not None
        Path(f"/proc/self/task/{worker.native_id}/comm").write_text("a-worker", "utf-8")
        account = read_account(os.getpid(), TICKS, PAGE)
    finally:
        done.set()
        worker.join()
    assert account is not None
    assert "a-worker" in account.threads_ns


def test_a_process_that_has_gone_has_no_account(tmp_path: Path) -> None:
    """There is nothing to read, and that is no error."""
    assert read_account(1, TICKS, PAGE, proc=tmp_path) is None


def test_names_with_parentheses_and_ended_threads_do_not_confuse(tmp_path: Path) -> None:
    """The figures are found behind the last parenthesis; the process's total holds what ended threads used."""
    task = tmp_path / "7" / "task" / "7"
    task.mkdir(parents=True)
    (task / "comm").write_text("a) (b\n")
    (task / "schedstat").write_text("1000000000 5 6\n")
    numbers = " ".join(["S", *map(str, range(1, 11)), "250", "50", *map(str, range(13, 50))])
    (tmp_path / "7" / "stat").write_text(f"7 (a) (b) {numbers}\n")
    (tmp_path / "7" / "statm").write_text("100 20 3 4 5 6 7\n")
    account = read_account(7, 100, 4096, proc=tmp_path)
    assert account == Account({"a) (b": 1_000_000_000}, 3_000_000_000, 20 * 4096, None)


def test_cpu_is_in_percent_of_a_core() -> None:
    """Half a second of CPU in one second is 50; a thread that is new counts from nothing."""
    before = Account({"a": 10**9}, 10**9, 0, None)
    after = Account({"a": 2 * 10**9, "b": 5 * 10**8}, 25 * 10**8, 0, None)
    assert cpu_percent(before, after, 2.0) == pytest.approx({"a": 50.0, "b": 25.0})
    assert cpu_percent(before, after, 0.0) == {}
