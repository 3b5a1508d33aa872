"""Hub, gateway and bank held against each other, and totals that are proven."""

from payhub.people.holders import holds
from payhub.registry import Periodic, Registry


def init_app(registry: Registry) -> None:
    """Bring routes, commands, jobs and laws to the front door."""
    from reconciliation import commands, handing_in, laws, personal, running_commands, running_views, telling_laws, views  # noqa: PLC0415 - whoever only reads files needs none of them
    from reconciliation.banking import commands as banking_commands  # noqa: PLC0415 - as above
    from reconciliation.banking import laws as banking_laws  # noqa: PLC0415 - as above
    from reconciliation.banking import staff_views as payouts_work  # noqa: PLC0415 - as above
    from reconciliation.banking import views as banking_views  # noqa: PLC0415 - as above
    from reconciliation.dayfiles import commands as day_file_commands  # noqa: PLC0415 - as above
    from reconciliation.dayfiles import laws as day_file_laws  # noqa: PLC0415 - as above
    from reconciliation.dayfiles import views as day_files  # noqa: PLC0415 - as above
    from reconciliation.receiving import commands as receiving_commands  # noqa: PLC0415 - as above
    from reconciliation.receiving import laws as receiving_laws  # noqa: PLC0415 - as above
    from reconciliation.receiving import views as receiving  # noqa: PLC0415 - as above
    from reconciliation.reports import commands as report_commands  # noqa: PLC0415 - as above
    from reconciliation.reports import laws as report_laws  # noqa: PLC0415 - as above
    from reconciliation.reports import views as reports  # noqa: PLC0415 - as above
    from reconciliation.workbench import views as workbench  # noqa: PLC0415 - as above

    registry.blueprints += [views.bp, running_views.bp, workbench.bp, banking_views.bp, payouts_work.bp, receiving.bp, reports.bp]
    registry.blueprints += [day_files.bp]
    registry.commands += [*commands.COMMANDS, *running_commands.COMMANDS, *report_commands.COMMANDS, *banking_commands.COMMANDS]
    registry.commands += [*handing_in.COMMANDS, *receiving_commands.COMMANDS, *day_file_commands.COMMANDS]
    registry.laws += [*laws.LAWS, *telling_laws.LAWS, *banking_laws.LAWS, *receiving_laws.LAWS, *report_laws.LAWS]
    registry.laws += day_file_laws.LAWS
    for holder in personal.HOLDERS:
        holds(holder)
    registry.periodic.append(Periodic("reconciliation.telling.run", lambda settings: settings.jobs.runs_s))
    registry.periodic.append(Periodic("reconciliation.jobs.start_waiting", lambda settings: settings.jobs.runs_s))
    registry.periodic.append(Periodic("reconciliation.jobs.ask_learned", lambda settings: settings.jobs.sweep_s))
    registry.periodic.append(Periodic("reconciliation.receiving.jobs.look", lambda settings: settings.files.look_s))
    registry.periodic.append(Periodic("reconciliation.dayfiles.jobs.ask_due", lambda settings: settings.jobs.day_files_s))
    registry.periodic.append(Periodic("reconciliation.receiving.jobs.start_waiting", lambda settings: settings.jobs.runs_s))
