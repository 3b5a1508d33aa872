"""What must hold of the key ring, recomputed from rows."""

from payhub.registry import Law
from payhub.ring.models import KeyVersion
from payhub.sealed import SEALED

_GIVEN_UP = f"SELECT version FROM {KeyVersion.__tablename__} WHERE emptied_at IS NOT NULL"  # noqa: S608 - our own names
_ALL = (f"(SELECT count(*) FROM {value.table} WHERE octet_length({value.key}) > 0)" for value in SEALED)  # noqa: S608 - our own names

LAWS = (
    Law(
        "nothing is sealed by a key that was found empty and may have left the ring",
        "SELECT " + " + ".join(_ALL),
        " UNION ALL ".join(
            f"SELECT {value.id} AS id, '{value.name}' AS value, get_byte({value.key}, 0) AS version FROM {value.table} "  # noqa: S608 - our own names
            f"WHERE octet_length({value.key}) > 0 AND get_byte({value.key}, 0) IN ({_GIVEN_UP})"
            for value in SEALED
        ),
    ),
)
