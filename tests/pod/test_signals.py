"""A program finds SIGTERM as it would without the module, and keeps it: what it saves at a stop is saved."""

from __future__ import annotations

import signal
from textwrap import indent

import pytest

from tests.pod.programs import Program
from tests.pod.standin import Server

CHAINS = {
    "flag-then-earlier": """
earlier = signal.getsignal(signal.SIGTERM)
def mine(number, frame):
    asked.append(number)
    if callable(earlier):
        earlier(number, frame)
signal.signal(signal.SIGTERM, mine)
""",
    "earlier-then-flag": """
def mine(number, frame):
    if callable(earlier):
        earlier(number, frame)
    asked.append(number)
earlier = signal.signal(signal.SIGTERM, mine)
""",
    "earlier-is-not-the-default": """
earlier = signal.getsignal(signal.SIGTERM)
others = [earlier] if earlier not in (None, signal.SIG_DFL, signal.SIG_IGN) else []
def mine(number, frame):
    for handler in [asked.append, *others]:
        handler(number)
signal.signal(signal.SIGTERM, mine)
""",
    "only-over-the-default": """
if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
""",
    "only-over-an-equal-of-the-default": """
if signal.getsignal(signal.SIGTERM) == 0 and isinstance(signal.getsignal(signal.SIGTERM), signal.Handlers):
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
""",
    "below-the-library": """
import _signal
earlier = _signal.getsignal(signal.SIGTERM)
def mine(number, frame):
    asked.append(number)
    if callable(earlier):
        earlier(number, frame)
_signal.signal(signal.SIGTERM, mine)
""",
    "composed-twice": """
def compose(handlers):
    def composed(number, frame):
        for handler in handlers:
            if isinstance(handler, int):
                handler = signal.Handlers(handler)
            if callable(handler):
                handler(number, frame)
    return composed
for action in (lambda number, frame: asked.append(number), lambda number, frame: None):
    handlers = [action]
    if signal.getsignal(signal.SIGTERM) not in (None, signal.SIG_DFL):
        handlers.append(signal.getsignal(signal.SIGTERM))
    signal.signal(signal.SIGTERM, compose(handlers))
""",
}
SAVES = """
print("ready", flush=True)
while not asked:
    time.sleep(0.01)
log_metric("a", 2)
print("checkpoint saved", flush=True)
sys.exit(0)
"""


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_a_program_that_chains_handlers_saves_its_checkpoint(program: Program, server: Server, chain: str):
    process = program.start('log_metric("a", 1)\nasked = []\n' + chain + SAVES)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=60)
    assert (out, errors, process.returncode) == ("checkpoint saved\n", "", 0)
    assert server.ingest.metrics() == {"a": [1, 2]}


def test_a_program_of_asyncio_saves_its_checkpoint(program: Program, server: Server):
    process = program.start("""
        import asyncio
        async def main():
            log_metric("a", 1)
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            print("ready", flush=True)
            await stop.wait()
            log_metric("a", 2)
            print("checkpoint saved")
        asyncio.run(main())
    """)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("checkpoint saved\n", "")
    assert process.returncode == 0
    assert server.ingest.metrics() == {"a": [1, 2]}


def test_a_program_that_waits_for_the_signal_itself_gets_it(program: Program, server: Server):
    """Blocked, and asked for: no handler is called at all."""
    process = program.start("""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        log_metric("a", 1)
        print("ready", flush=True)
        assert signal.sigwait({signal.SIGTERM}) == signal.SIGTERM
        print("checkpoint saved")
    """)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("checkpoint saved\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize("chain", [False, True])
def test_a_handler_below_python_stays_though_python_shows_none(program: Program, server: Server, chain: bool):
    """As of faulthandler, of a JVM in the process, of a library in C."""
    process = program.start(f"""
        import faulthandler
        faulthandler.register(signal.SIGTERM, chain={chain})
        log_metric("a", 1)
        flush()
        os.kill(os.getpid(), signal.SIGTERM)
        print("goes on")
    """)
    out, errors = process.communicate(timeout=60)
    assert "most recent call first" in errors
    assert (out, process.returncode) == (("", -signal.SIGTERM) if chain else ("goes on\n", 0))
    assert server.ingest.metrics() == {"a": [1]}


def test_a_signal_that_is_ignored_below_python_stays_so(program: Program, server: Server):
    program.run("""
        import ctypes
        signature = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
        signature(("signal", ctypes.CDLL(None)))(signal.SIGTERM, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        log_metric("a", 1)
        os.kill(os.getpid(), signal.SIGTERM)
        log_metric("a", 2)
    """)
    assert server.ingest.metrics() == {"a": [1, 2]}


def test_a_handler_below_python_that_came_later_is_followed_by_the_last_values(
    program: Program, server: Server
):
    process = program.start("""
        import faulthandler
        log_metric("a", 1)
        faulthandler.register(signal.SIGTERM, chain=True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    """)
    assert "most recent call first" in process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGTERM
    assert server.ingest.metrics() == {"a": [1]}


RESTORES = {
    "restored": "signal.signal(signal.SIGTERM, earlier)",
    "default": "signal.signal(signal.SIGTERM, signal.SIG_DFL)",
    "asyncio": """
import asyncio
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print)
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
asyncio.run(main())
""",
}


@pytest.mark.parametrize("restores", RESTORES.values(), ids=RESTORES)
def test_a_handler_for_a_while_gives_back_what_it_took(program: Program, server: Server, restores: str):
    """The usual end of such a handler: put back what was there, and die of the signal all the same."""
    process = program.start(
        "def mine(number, frame):\n"
        "    log_metric('a', 2)\n"
        "    print('checkpoint saved', flush=True)\n" + indent(restores, "    ") + "\n"
        "    os.kill(os.getpid(), number)\n"
        "log_metric('a', 1)\n"
        "earlier = signal.signal(signal.SIGTERM, mine)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(60)\n"
        if "asyncio" not in restores
        else f"log_metric('a', 1)\n{restores}\nlog_metric('a', 2)\nprint('checkpoint saved', flush=True)\n"
        "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)\n"
    )
    assert process.communicate(timeout=60) == ("checkpoint saved\n", "")
    assert process.returncode == -signal.SIGTERM
    assert server.ingest.metrics() == {"a": [1, 2]}
    assert all(writer.ended for writer in server.ingest.writers.values())


def test_no_other_signal_is_touched(program: Program, server: Server):
    program.run("""
        before = {one: signal.getsignal(one) for one in signal.Signals}
        wakeup = signal.set_wakeup_fd(-1)
        log_metric("a", 1)
        assert {one: signal.getsignal(one) for one in signal.Signals} == before
        assert signal.set_wakeup_fd(-1) == wakeup == -1
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
        signal.signal(signal.SIGUSR1, lambda *_: log_metric("a", 2))
        signal.raise_signal(signal.SIGUSR1)
        assert signal.signal(signal.SIGUSR1, signal.SIG_DFL) is not signal.SIG_DFL
    """)
    assert server.ingest.metrics() == {"a": [1, 2]}


def test_a_worker_finds_no_wake_up_descriptor_and_keeps_its_own(program: Program, server: Server):
    """Where the module has one itself, trio warned of it; and a child that such a worker forks keeps the worker's own."""
    program.run("""
        import multiprocessing
        def work():
            log_metric("a", 1)
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            assert signal.set_wakeup_fd(writer) == -1
            child = os.fork()
            if child == 0:
                os._exit(signal.set_wakeup_fd(-1) != writer)
            assert os.waitpid(child, 0)[1] == 0
            assert signal.set_wakeup_fd(-1, warn_on_full_buffer=True) == writer
            assert runmetrics._signal.set_wakeup_fd(-1) == runmetrics._wakeup[1]
            log_metric("a", 2)
        if __name__ == "__main__":
            worker = multiprocessing.get_context("fork").Process(target=work)
            worker.start()
            worker.join()
            assert worker.exitcode == 0
    """)
    assert server.ingest.metrics() == {"a": [1, 2]}


def test_a_child_that_logs_nothing_dies_of_the_signal_at_once(program: Program, server: Server):
    """Also in native code, where a handler of Python would not be called."""
    program.run("""
        import _signal
        log_metric("a", 1)
        child = os.fork()
        if child == 0:
            assert _signal.getsignal(signal.SIGTERM) is _signal.SIG_DFL
            signal.pause()
        os.kill(child, signal.SIGTERM)
        assert os.waitpid(child, 0)[1] == signal.SIGTERM
    """)
    assert server.ingest.metrics() == {"a": [1]}


def test_a_program_that_was_started_by_one_that_logs_has_the_default(program: Program, server: Server):
    program.run("""
        import subprocess
        log_metric("a", 1)
        show = "import signal; print(repr(signal.getsignal(signal.SIGTERM)))"
        assert subprocess.check_output([sys.executable, "-c", show], text=True) == repr(signal.SIG_DFL) + "\\n"
    """)
