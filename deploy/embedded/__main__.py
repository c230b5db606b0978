"""`python -m deploy.embedded up | smoke`: what `make demo` and `make smoke` call."""

import argparse
import asyncio
import logging
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from time import monotonic

from rich.console import Console

from deploy.embedded import ROOT, CannotStart, demo_folder
from deploy.embedded.demo import NotAsPromised, Register, fill_desk, play
from deploy.embedded.smoke import smoke
from deploy.embedded.stack import Stack

console = Console(highlight=False)


def say(text: str) -> None:
    console.print(f"  {text}", markup=False, soft_wrap=True)


async def up() -> int:
    """Start, play the samples, print the addresses, stay."""
    begun, folder = monotonic(), demo_folder()
    console.print(f"Starting the register in {folder} (the first time takes longer)")
    async with Stack(folder, say) as stack:
        console.print(f"The register is up after {monotonic() - begun:.1f} s. The sample candidates:")
        async with Register(stack.addresses) as register:
            all_played = await play(register, console)
            try:
                await fill_desk(register, stack.command)
            except NotAsPromised as error:
                say(f"The queue of the case worker does not hold what it should: {error}")
        stack.tell()
        for played in (played for played in all_played if played.missing):
            say(f"{played.sample.name} stands otherwise than it was played (changed since, or wrong): {played.missing}")
        console.print(f"All played after {monotonic() - begun:.1f} s. Yours until Ctrl-C, in a browser:")
        say(stack.url("dossier") + "/")
        console.print("For programs:")
        for name, base in stack.addresses.items():
            if isinstance(base, str) and name != "pages":
                say(f"{name:<14}{base}" + ("/openapi.json  /metrics" if name in stack.services else ""))
        token, id = ".venv/bin/python -m deploy.token case_worker --company dijledal", all_played[0].id
        say(f'a dossier     curl -H "Authorization: Bearer $({token})" {stack.url("dossier")}/v1/dossiers/{id}')
        await asyncio.Event().wait()
    return 0


async def run(command: str) -> int:
    """Until it is done, or Ctrl-C or SIGTERM, which stop everything in order."""
    task = asyncio.ensure_future(up() if command == "up" else checked())
    loop = asyncio.get_running_loop()
    for how in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(how, lambda: task.done() or task.cancelling() or task.cancel())
    try:
        return await task
    except asyncio.CancelledError:
        console.print("Stopped; what is on record stays.")
        return 0 if command == "up" else 1
    except CannotStart as error:
        Console(stderr=True).print(f"Cannot start: {error}", markup=False, soft_wrap=True)
        return 2


async def checked() -> int:
    """`smoke` in a folder of its own, which goes when all is well."""
    (ROOT / "build").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="smoke-", dir=ROOT / "build"))
    code = await smoke(folder, console, say)
    if code == 0:
        shutil.rmtree(folder)
    return code


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded", description=__doc__)
    parser.add_argument("command", choices=("up", "smoke"))
    command = parser.parse_args().command
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it complains of what we wait for
    sys.exit(asyncio.run(run(command)))


if __name__ == "__main__":
    main()
