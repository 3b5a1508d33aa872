"""Messages in and out: callbacks from gateways, webhooks to portals."""

from payhub.people.holders import holds
from payhub.registry import Periodic, Registry
from webhooks import commands, laws, personal, portal_views, replies, views
from webhooks.callbacks import commands as callback_commands
from webhooks.callbacks import views as callback_views


def init_app(registry: Registry) -> None:
    """Offer what this room has."""
    registry.blueprints += [views.bp, callback_views.bp, portal_views.bp]
    registry.commands += [commands.group, callback_commands.group]
    registry.laws.extend(laws.LAWS)
    holds(personal.HOLDER)
    holds(replies.HOLDER)
    registry.periodic += [
        Periodic("webhooks.jobs.relay", lambda settings: settings.jobs.relay_s),
        Periodic("webhooks.jobs.deliver_due", lambda settings: settings.jobs.deliveries_s),
        Periodic("webhooks.jobs.retry_callbacks", lambda settings: settings.callbacks.retry_s),
        Periodic("webhooks.jobs.sweep", lambda settings: settings.jobs.sweep_s),
    ]
