"""Hub, gateway and bank held against each other, and totals that are proven."""

from payhub.people.holders import holds
from payhub.registry import Periodic, Registry


def init_app(registry: Registry) -> None:
    """Bring routes, commands, jobs and laws to the front door."""
    from reconciliation import commands, laws, personal, trying, views  # noqa: PLC0415 - whoever only reads files needs none of them
    from reconciliation.banking import commands as banking_commands  # noqa: PLC0415 - as above
    from reconciliation.banking import laws as banking_laws  # noqa: PLC0415 - as above
    from reconciliation.banking import views as banking_views  # noqa: PLC0415 - as above
    from reconciliation.workbench import views as workbench  # noqa: PLC0415 - as above

    registry.blueprints += [views.bp, workbench.bp, banking_views.bp]
    registry.commands += [*commands.COMMANDS, *trying.COMMANDS, *banking_commands.COMMANDS]
    registry.laws += [*laws.LAWS, *banking_laws.LAWS]
    for holder in personal.HOLDERS:
        holds(holder)
    registry.periodic.append(Periodic("reconciliation.jobs.start_waiting", lambda settings: settings.jobs.runs_s))
    registry.periodic.append(Periodic("reconciliation.jobs.ask_learned", lambda settings: settings.jobs.sweep_s))
