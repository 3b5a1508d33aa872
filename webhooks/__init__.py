"""Messages in and out: callbacks from gateways, webhooks to portals."""

from payhub.registry import Registry


def init_app(registry: Registry) -> None:
    """Offer what this room has."""
    from webhooks import views  # noqa: PLC0415 - the room is light until the front door opens it
    from webhooks.laws import LAWS  # noqa: PLC0415

    registry.blueprints.append(views.bp)
    registry.laws.extend(LAWS)
