"""Plan: what is to be run and how it is to be shown, as the command line asks for it."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from actors.settings import PortConflict, ReporterSettings
from actors.worker.bounded import within
from actors.worker.command_line import PlanError, invocation
from actors.worker.keeping import Keeping, facts_of, keep, keep_on
from actors.worker.kept_runs import default_folder, journal_of, runs_of
from actors.worker.orders import INSTEAD
from actors.worker.outputs import LIVES, JournalError, Run, Runs, RunsError, check_journal
from actors.worker.reporters import reporter_at
from actors.worker.trainer import (
    CONTROL_PORT,
    EMBEDDED,
    PROGRESS_PORT,
    checkpoint_folders,
    epochs_of,
    has_placeholders,
    is_sleap_nn,
    is_sleap_train,
    models_of,
)
from actors.zmq_sockets import at_free_port
from messages import OCCUPIED, reporting_to

if TYPE_CHECKING:
    import argparse

    from actors.worker.viewer import ViewerSettings

log = logging.getLogger(__name__)

DEMO_STAYS_UP: Final = 20.0
"""Seconds that the demo's page stays up: enough to click on the link once the demo is seen."""

DRAIN_TIMEOUT: Final = 30.0
"""Seconds that a slow client is given at the end for what is left of the run."""

SPARE: Final = 1024**3
"""Bytes of its disk that a run leaves free."""

FREE_PORTS: Final = "free ports are used instead"

REPLAY_LIMIT: Final = 100_000_000
REPLAY_BYTES: Final = 8 * 1024**3
"""What the log of a run that is shown again may hold: all of it, unless it is absurdly long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be run, and how it is to be shown.

    An empty ``command`` waits for a trainer that runs already. ``demonstrate`` shows the run
    through a WebRTC connection of this machine with itself. ``viewers`` is None when no page is to
    be served. ``replay`` is a journal that is shown again. ``keeping`` says how the run is kept and
    whether it goes on; it takes ``run_size`` bytes, and all in ``runs`` together as many as
    ``runs_kept`` and ``runs_size`` say. In ``checkpoint_folders`` checkpoints are looked for; with
    ``saves_model`` it is known that the trainer writes them there. Each signal of ``stop_on`` is a
    stop. ``again`` says how the run is seen again, ``has_tables`` asks for those of all epochs and
    counts at its end. The page stays up for ``stays_up`` seconds after the training, or until
    Ctrl-C. ``notify_command`` is run with each event that somebody is to be told of. ``refusal``
    says why nothing is to be started, and what can be done instead.
    """

    command: tuple[str, ...] = ()
    gui: bool = True
    settings: ReporterSettings = field(default_factory=ReporterSettings)
    title: str = ""
    epochs: int | None = None
    models: tuple[str, ...] = ()
    checkpoint_folders: tuple[Path, ...] = ()
    saves_model: bool = False
    grace: float = 15.0
    stop_on: frozenset[int] = frozenset()
    demonstrate: bool = False
    viewers: ViewerSettings | None = None
    keeping: Keeping = field(default_factory=Keeping)
    replay: Path | None = None
    runs: Runs | None = None
    run_size: int = 1024**3
    runs_kept: int = 200
    runs_size: int = 4 * 1024**3
    stays_up: float = 0.0
    again: str | None = None
    notify_command: str | None = None
    has_tables: bool = False
    refusal: tuple[str, str] | None = None


def plan_of(options: argparse.Namespace) -> Plan:
    """What the command line asks for. Raises PlanError."""
    runs = runs_of(options)
    if options.replay is not None:
        return _replay(options, journal_of(options, options.replay), runs)
    if options.adopt:
        return _go_on(options, runs)
    embedded = not (options.command or options.adopts)
    command = _embedded_trainer(options) if embedded else options.command
    title = "the embedded trainer" if embedded else _title_of(command)
    if options.adopts:
        title = "a training that runs already"
    epochs, models, folders = _read(command)
    if embedded or options.adopts:
        folders = ()
    elif options.checkpoints is not None:
        folders = (options.checkpoints,)
    settings = _settings(options)
    viewers = _viewers_of(options, title)
    facts = facts_of(command, title=title, epochs=epochs, folders=folders)
    keeping = Keeping()
    if not options.no_gui:
        keeping = keep(
            facts,
            runs=None if options.no_record else runs,
            journal=options.journal,
            adopts=options.adopts,
            others=_others(options, runs),
            addresses=(options.control_address, options.progress_address),
        )
    refusal = None
    if keeping.alone is not None:
        if options.adopts:
            options.adopt = keeping.alone.name
            return _go_on(options, Runs(keeping.alone.folder.parent))
        refusal = _refusal(keeping.alone)
        if options.any_port:
            keeping.warnings.append(f"{refusal[0]}; {FREE_PORTS}")
            settings, refusal = _at_free_ports(settings), None
    return Plan(
        command=command,
        gui=not options.no_gui,
        settings=settings,
        title=title,
        epochs=facts.epochs,
        models=models,
        checkpoint_folders=folders,
        saves_model=_saves_model(command, options),
        demonstrate=embedded and not options.no_gui,
        stays_up=_stays_up(options, embedded=embedded),
        viewers=viewers,
        keeping=keeping,
        again=None if options.no_gui else _again(keeping),
        refusal=refusal,
        **_common(options, runs),
    )


def _title_of(command: tuple[str, ...]) -> str:
    """The command without the words that are filled in; they tell nobody anything."""
    return shlex.join(word for word in command if " " in word or not has_placeholders((word,)))


def _saves_model(command: tuple[str, ...], options: argparse.Namespace) -> bool:
    """Whether it is known that the trainer saves its model, and where."""
    return options.checkpoints is not None or is_sleap_nn(command) or is_sleap_train(command)


def _others(options: argparse.Namespace, runs: Runs) -> tuple[Runs, ...]:
    """The runs, of which one may report where this one is to; the demo's are beside the others."""
    if options.runs_folder:
        return (runs,)
    return tuple(map(Runs, {default_folder(), default_folder(demo=True)}))


def _refusal(alone: Run) -> tuple[str, str]:
    """Why no training is started where the run ``alone`` reports, and what can be done instead."""
    live = alone.live
    where = live.get("progress_address")
    place = alone.folder.parent
    named = "" if place == default_folder() else f"--runs-folder {shlex.quote(str(place))} "
    return (
        f"process {alone.trainer}, of the run {alone.name}, reports to {where}: {OCCUPIED}",
        f"{named}--adopt={alone.name} goes on with that training; --any-port starts this one at "
        "free ports",
    )


def beside_others(plan: Plan) -> Plan:
    """``plan``, but a training whose run is not found may report where this one is to; blocks.

    Then it is refused or, with ``--any-port``, goes to free ports.
    """
    if not (plan.gui and plan.command) or plan.refusal is not None:
        return plan
    settings = plan.settings
    peer = reporter_at(settings.progress_address)
    if peer is None:
        return plan
    reason = f"{reporting_to(settings.progress_address, (peer,))}: {OCCUPIED}"
    if settings.on_port_conflict is not PortConflict.FREE:
        return dataclasses.replace(plan, refusal=(reason, INSTEAD))
    plan.keeping.warnings.append(f"{reason}; {FREE_PORTS}")
    return dataclasses.replace(plan, settings=_at_free_ports(settings))


def _at_free_ports(settings: ReporterSettings) -> ReporterSettings:
    return dataclasses.replace(
        settings,
        control_address=at_free_port(settings.control_address),
        progress_address=at_free_port(settings.progress_address),
    )


def _stays_up(options: argparse.Namespace, *, embedded: bool) -> float:
    if options.keep_open:
        return math.inf
    is_watched = sys.stdout.isatty() and not options.quiet and not os.environ.get("CI")
    return DEMO_STAYS_UP if embedded and is_watched else 0.0


def _read(command: tuple[str, ...]) -> tuple[int | None, tuple[str, ...], tuple[Path, ...]]:
    """Epochs, models and folders of checkpoints that ``command`` and the files in it tell of."""
    try:
        return within(
            lambda: (epochs_of(command), models_of(command), checkpoint_folders(command)),
            where="the files that the command names",
        )
    except OSError as error:
        log.warning("%s", error)
        return None, (), ()


def _take_up(
    options: argparse.Namespace, runs: Runs
) -> tuple[Run, Keeping, dict[str, Any], tuple[str, ...]]:
    """The run to go on with, how it is kept, what its worker has said of itself, and its models.

    Raises RunsError, JournalError and PlanError.
    """
    run = runs.find_to_adopt(options.adopt)
    if not run.is_here and not run.has_ended:
        host = run.facts.host
        if host != os.uname().nodename:
            raise PlanError(f"{run.name} runs on {host}: go on with it there")
        if run.lives:
            raise PlanError(
                f"{run.name} lives in another container of {host}, or did within the last "
                f"{LIVES / 60:.0f} minutes: go on with it there, or when it has ended"
            )
    keeping = keep_on(run, journal=options.journal)
    return run, keeping, run.live, models_of(run.facts.command)


def _go_on(options: argparse.Namespace, runs: Runs) -> Plan:
    """Go on with a run whose worker has gone."""
    try:
        run, keeping, live, models = within(lambda: _take_up(options, runs), where=runs.folder)
    except (RunsError, JournalError) as error:
        raise PlanError(str(error)) from error
    facts, settings, defaults = run.facts, _settings(options), ReporterSettings()
    if settings.control_address == defaults.control_address:
        control = _address_of(live.get("control_address")) or settings.control_address
        settings = dataclasses.replace(settings, control_address=control)
    if settings.progress_address == defaults.progress_address:
        progress = _address_of(live.get("progress_address")) or settings.progress_address
        settings = dataclasses.replace(settings, progress_address=progress)
    # Of a training that has ended nobody comes to the addresses.
    conflict = PortConflict.FREE if keeping.has_ended else PortConflict.FAIL
    viewers = _viewers_of(options, facts.title)
    named = (options.checkpoints,) if options.checkpoints is not None else ()
    return Plan(
        settings=dataclasses.replace(settings, on_port_conflict=conflict),
        title=facts.title,
        epochs=facts.epochs,
        models=models,
        checkpoint_folders=named or tuple(map(Path, facts.checkpoint_folders)),
        saves_model=_saves_model(facts.command, options),
        viewers=viewers,
        keeping=keeping,
        stays_up=_stays_up(options, embedded=False),
        again=_again(keeping),
        **_common(options, runs),
    )


def _address_of(told: object) -> str | None:
    """What a file says of an address; None where that can be none."""
    return told if isinstance(told, str) and told.isprintable() else None


def _again(keeping: Keeping) -> str:
    """How the run is seen again."""
    run = keeping.run if keeping.record is not None else None
    if run is not None and run.folder.parent == default_folder():
        return f"{invocation()} --replay={run.name}"
    if run is not None:
        return replay_of(run.journal)
    if keeping.journal is not None:
        return replay_of(Path(keeping.journal.name))
    if keeping.warnings:
        return keeping.warnings[0]
    return "it was not kept; --journal FILE keeps the next run"


def replay_of(journal: Path) -> str:
    """The command that shows the run in ``journal`` again."""
    return f"{invocation()} --replay {shlex.quote(str(journal))}"


def _replay(options: argparse.Namespace, journal: Path, runs: Runs) -> Plan:
    try:
        within(lambda: check_journal(journal), where=journal)
    except JournalError as error:
        raise PlanError(str(error)) from error
    return Plan(
        settings=_settings(options),
        title=str(journal),
        viewers=_viewers_of(options, str(journal)),
        replay=journal,
        **_common(options, runs),
    )


def _common(options: argparse.Namespace, runs: Runs) -> dict[str, Any]:
    return {
        "grace": options.grace,
        "stop_on": frozenset(options.stop_on),
        "has_tables": options.log_level in ("all", "debug", "info"),
        "notify_command": options.notify_command,
        "runs": runs,
        "run_size": options.run_size,
        "runs_kept": options.runs_kept,
        "runs_size": options.runs_size,
    }


def _viewers_of(options: argparse.Namespace, title: str) -> ViewerSettings | None:
    if options.no_gui or options.no_page:
        return None
    from actors.worker.serving import viewers_of  # a third of a second, which no other run pays

    return viewers_of(options, title)


def _settings(options: argparse.Namespace) -> ReporterSettings:
    if options.replay is not None:
        return ReporterSettings(
            control_address=None,
            progress_address=None,
            drain_timeout=DRAIN_TIMEOUT,
            log_limit=REPLAY_LIMIT,
            log_bytes=REPLAY_BYTES,
        )
    settings = ReporterSettings(
        control_address=options.control_address,
        progress_address=options.progress_address,
        on_port_conflict=PortConflict.FREE if options.any_port else PortConflict.FAIL,
        control_encoding=options.control_encoding,
        drain_timeout=DRAIN_TIMEOUT,
    )
    # A trainer that runs already has nothing to wait for, and may be stopped at once.
    return dataclasses.replace(settings, connect_wait=0.0) if options.adopts else settings


def _embedded_trainer(options: argparse.Namespace) -> tuple[str, ...]:
    # By its path, and -P: it is found from every folder and imports nothing of this one.
    command = (sys.executable, "-P", str(EMBEDDED), "--epochs", str(options.epochs))
    if options.no_gui:
        return command
    return (*command, "--control-port", CONTROL_PORT, "--progress-port", PROGRESS_PORT)
