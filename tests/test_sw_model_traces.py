"""Reading recorded traces: three formats, other lines counted, and clear errors."""

from pathlib import Path

import pytest

from hic.sw_model.recorded_files import RecordedFileError
from hic.sw_model.traces import TraceError, packaged_traces, parse_trace, read_trace

FTRACE = """\
# tracer: nop
#
# entries-in-buffer/entries-written: 4/10   #P:2
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
          <idle>-0       [001] d.h..  2025.000100: irq_handler_entry: irq=36 name=virtio1-req.0
          <idle>-0       [001] d.h..  2025.000105: irq_handler_exit: irq=36 ret=handled
 my task-x-1234 ( 1234) [000] dNh1.  2025.000200: local_timer_entry: vector=236
          <idle>-0       [000] d....  2025.000201: sched_switch: prev_comm=a ==> next_comm=b
"""
TRACE_CMD = """\
cpus=2
          <idle>-0     [001]  2025.000100123: irq_handler_entry:    irq=36 name=virtio1-req.0
          <idle>-0     [001]  2025.000105123: irq_handler_exit:     irq=36 ret=handled
CPU:1 [12 EVENTS DROPPED]
            bash-77    [000]  2025.000200123: local_timer_entry:    vector=236
"""
PERF = """\
swapper     0 [001]  2025.000100: irq:irq_handler_entry: irq=36 name=virtio1-req.0
        ffffffff8110a1b2 __handle_irq_event_percpu+0x122 ([kernel.kallsyms])

swapper     0 [001]  2025.000105:          1 irq:irq_handler_exit: irq=36 ret=handled
Web Content 77/78 [000]  2025.000200:      irq_vectors:local_timer_entry: vector=236
"""


def parse(text: str, name: str = "t") -> list[tuple[int | None, int, str, str, int | None]]:
    events = parse_trace(text.splitlines(keepends=True), name).events
    return [(each.time_ns, each.cpu, each.kind, each.name, each.duration_ns) for each in events]


@pytest.mark.parametrize("text", [FTRACE, TRACE_CMD, PERF], ids=["ftrace", "trace-cmd", "perf"])
def test_the_same_events_in_each_format(text: str) -> None:
    assert parse(text) == [(0, 1, "irq", "virtio1-req.0", 5_000), (100_000, 0, "vector", "local_timer", None)]


def test_what_is_passed_over_is_counted() -> None:
    trace = parse_trace(FTRACE.splitlines(keepends=True))
    assert (trace.overwritten, trace.passed_over, trace.unmatched) == (
        6, {"sched_switch": 1}, {"entries without an exit": 1},
    )
    assert trace.remarks == [
        "6 events overwritten before the file was read.", "1 line of other kinds passed over (sched_switch 1).",
        "Entries without an exit: 1.",
    ]
    trace = parse_trace(TRACE_CMD.splitlines(keepends=True))
    assert (trace.lost, trace.passed_over) == ({1: 12}, {})
    assert "12 events lost on CPU 1." in trace.remarks


def test_exit_without_an_entry_is_counted() -> None:
    text = "a-1 [000] d.h.. 1.000001: irq_handler_exit: irq=1 ret=handled\n" + FTRACE.splitlines(keepends=True)[4]
    assert parse_trace(text.splitlines(keepends=True)).unmatched["exits without an entry"] == 1


def test_events_are_in_order_of_time() -> None:
    lines = [f"a-1 [00{t % 2}] d.h.. 1.00000{t}: irq_handler_entry: irq={t} name=x\n" for t in (3, 1, 2)]
    assert [each.number for each in parse_trace(lines).events] == [1, 2, 3]


def test_packaged_trace() -> None:
    assert packaged_traces() == ["linux-virtio-disk-direct.ftrace"]
    trace = read_trace("linux-virtio-disk-direct.ftrace")
    assert trace.cpus == [0, 1]
    assert trace.names == {
        "virtio1-req.0": 5485, "local_timer": 408, "reschedule": 102, "call_function_single": 3, "virtio3-tx": 2,
    }  # fmt: skip
    assert trace.remarks == []
    assert len(trace.select("36")) == len(trace.select("virtio1-req.0")) == 5485
    assert len(trace.select("local_timer", 0)) + len(trace.select("local_timer", 1)) == 408


def test_every_cut_of_a_trace_is_an_error_or_a_shorter_trace() -> None:
    text = FTRACE[FTRACE.index("          <idle>") :]
    ends = {i + 1 for i, character in enumerate(text) if character == "\n"}
    for cut in range(1, len(text)):
        line = text.count("\n", 0, cut) + 1
        if "2025.000100:" not in text[:cut]:
            with pytest.raises(TraceError, match=r"^t:1: "):  # nothing could be read
                parse(text[:cut])
            continue
        trace = parse_trace(text[:cut].splitlines(keepends=True), "t")
        whole = parse(text[: text.rindex("\n", 0, cut) + 1]) if line > 1 else []
        assert parse(text[:cut])[: len(whole)] == whole or text[:cut].endswith("ret=handled")
        is_complete = cut in ends or text[:cut].endswith("ret=handled")
        assert bool(trace.cut) is not is_complete
        assert is_complete or trace.remarks[-1].startswith(f"The file may be cut: its last line ({line}) has no")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("hello\n", 1, "line must be an event of ftrace, .*'hello': the file is foreign"),
        ("", 1, "trace must hold at least one irq_handler_entry or irq_vectors entry, not none"),
        ("# a list\nhello\n", 2, "line must be an event of .*not 'hello': the file is foreign"),
        (
            FTRACE + "a-1 [000] d.h.. 9.1: irq_handler_entry: irq=3\n",
            9,
            "irq_handler_entry must have arguments such as",
        ),
        (
            FTRACE + "a-1 [000] d.h.. 9.1: local_timer_entry: vec\n",
            9,
            "local_timer_entry must have .*vector=236.* not 'vec'",
        ),
        (
            FTRACE + "a-1 [000] d.h.. 9: irq_handler_entry: irq=3 name=x\n",
            9,
            "time must be in seconds, as in the lines before, not ticks: read each part as a file of its own",
        ),
    ],
)
def test_bad_trace_wrong(text: str, line: int, message: str) -> None:
    with pytest.raises(TraceError, match=rf"^t:{line}: {message}") as caught:
        parse(text)
    assert caught.value.line == line


def test_lines_that_are_not_understood_are_passed_over_and_said() -> None:
    trace = parse_trace((FTRACE + "garbage here\nand irq_handler_entry: more\n").splitlines(keepends=True), "t")
    assert parse(FTRACE) == [(each.time_ns, each.cpu, each.kind, each.name, each.duration_ns) for each in trace.events]
    assert trace.passed_over == {"sched_switch": 1, "lines not understood": 2}
    assert "The first line that is of no known kind is 9: 'garbage here'." in trace.remarks
    assert "1 of these lines seem to be interrupts'." in trace.remarks


def test_binary_trace_wrong(tmp_path: Path) -> None:
    path = tmp_path / "trace.dat"
    path.write_bytes(b"a\n\x17\x08\xff\xfetracing")
    with pytest.raises(TraceError, match=r"^trace.dat:2: file must be text, not binary; convert it with"):
        read_trace(path)


def test_missing_trace_wrong() -> None:
    with pytest.raises(RecordedFileError, match=r"^nowhere.ftrace: file must exist"):
        read_trace("nowhere.ftrace")


def test_selecting_what_is_not_there_wrong() -> None:
    trace = parse_trace(FTRACE.splitlines(keepends=True), "t")
    with pytest.raises(ValueError, match=r"holds on CPU 0 \(virtio1-req.0 \(1\), local_timer \(1\)\), not '36'$"):
        trace.select("36", 0)
