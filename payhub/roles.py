"""The application's own database role: it reads and writes rows, and can alter nothing that guards them.

`payhub migrate --app-role NAME` grants it, as the owner of the tables; web, workers and commands then connect as that role.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, text

from payhub.errors import PayHubError, Text

DELETED_FROM = ("callback", "delivery_try", "idempotency", "payer_index", "staff_role")
"""Tables whose rows the application forgets: after their time, when a payer is erased, or when a role is taken away."""
ONLY_READ = ("alembic_version",)
COLUMNS = {"event": ("position", "portal_id")}
"""Tables of which only these columns are ever changed."""
PARTS = "parts"
"""The schema of tables that large files have to themselves; functions of the owner's make them, and let the role fill them once."""
_MIGRATION_LOCK = 7289402


class RoleUnfit(PayHubError):
    """The role cannot be the application's: it is missing, may do too much, or cannot be given what it needs."""

    code, status = "database_role_unfit", 409
    title = Text("Vai trò cơ sở dữ liệu không phù hợp", "The database role cannot be the application's")

    def __init__(self, role: str, why: Sequence[str]) -> None:
        listed = "; ".join(why)
        super().__init__(Text(f"{self.title.vi}: {role}: {listed}", f"the role {role} cannot be the application's: {listed}"))
        self.why = tuple(why)


def grant(engine: Engine, role: str) -> None:
    """Give a role what the application needs and nothing else, making it if this user may; repeat after every migration."""
    quoted = engine.dialect.identifier_preparer.quote_identifier(role)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        _make(connection, role, quoted)
        for statement in _statements(connection, quoted):
            connection.exec_driver_sql(statement)
        if wrong := [*lacks(connection, role), *exceeds(connection, role)]:
            raise RoleUnfit(role, wrong)


def lacks(connection: Connection, role: str) -> list[str]:
    """Return what a role needs of the database itself and does not have; only the database's owner can grant it."""
    found = connection.scalars(_LACKS, {"role": role})
    return [f"it may not {what} in this database" for what in found]


def exceeds(connection: Connection, role: str) -> list[str]:
    """Return what a role may do that the application's must not, by whatever way it came to it."""
    append_only = _append_only(connection)
    found = [what for (what,) in connection.execute(_POWERS, {"role": role})]
    for table, privilege in connection.execute(_PRIVILEGES, {"role": role}):
        if privilege not in _granted(table, append_only):
            found.append(f"it may {privilege} {table}")
    return found


def _make(connection: Connection, role: str, quoted: str) -> None:
    if connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = :role"), {"role": role}):
        return
    if not connection.scalar(text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")):
        raise RoleUnfit(role, [f"it does not exist, and this user may not make it: have CREATE ROLE {quoted} LOGIN run"])
    connection.exec_driver_sql(f"CREATE ROLE {quoted} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS")


def _statements(connection: Connection, quoted: str) -> list[str]:
    prepare = connection.dialect.identifier_preparer.quote_identifier
    append_only = _append_only(connection)
    database = prepare(str(connection.scalar(text("SELECT current_database()"))))
    statements = [
        f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {quoted}",
        f"GRANT USAGE ON SCHEMA public, {PARTS} TO {quoted}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {quoted}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {quoted}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {quoted}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE ON TABLES TO {quoted}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {quoted}",
    ]
    for table in connection.scalars(_TABLES):
        privileges = sorted(_granted(table, append_only))
        statements.append(f"GRANT {', '.join(privileges)} ON public.{prepare(table)} TO {quoted}")
    statements += [f"GRANT SELECT ON public.{prepare(view)} TO {quoted}" for view in connection.scalars(_VIEWS)]
    for table, columns in COLUMNS.items():
        names = ", ".join(prepare(column) for column in columns)
        statements.append(f"GRANT UPDATE ({names}) ON public.{prepare(table)} TO {quoted}")
    return statements


def _granted(table: str, append_only: frozenset[str]) -> set[str]:
    if table in ONLY_READ:
        return {"SELECT"}
    granted = {"SELECT", "INSERT"}
    if table not in append_only and table not in COLUMNS:
        granted.add("UPDATE")
    if table in DELETED_FROM:
        granted.add("DELETE")
    return granted


def _append_only(connection: Connection) -> frozenset[str]:
    """Return the tables whose own trigger refuses every update: what one may not do, one is not granted."""
    return frozenset(connection.scalars(_APPEND_ONLY))


_TABLES = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname"
)
_VIEWS = text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' ORDER BY relname")
# Of a trigger's kind, 16 means UPDATE.
_APPEND_ONLY = text(
    "SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE tgfoid = 'public.refuse_change'::regproc AND tgtype & 16 <> 0 AND relnamespace = 'public'::regnamespace"
)
_LACKS = text(
    "SELECT lower(privilege) FROM unnest(ARRAY['CONNECT', 'TEMPORARY']) AS privilege "
    "WHERE NOT has_database_privilege(:role, current_database(), privilege)"
)
_PRIVILEGES = text(
    """
    SELECT relname, privilege FROM pg_class CROSS JOIN unnest(
      ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
      || CASE WHEN current_setting('server_version_num')::int >= 170000 THEN ARRAY['MAINTAIN'] ELSE '{}' END) AS privilege
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND has_table_privilege(:role, pg_class.oid, privilege)
    """
)
_POWERS = text(
    """
    SELECT 'it is or may become ' || rolname FROM pg_roles
    WHERE pg_has_role(:role, oid, 'MEMBER') AND (
      rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
      OR rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files')
      OR oid IN (SELECT relowner FROM pg_class WHERE relnamespace = 'public'::regnamespace)
      OR oid IN (SELECT proowner FROM pg_proc WHERE pronamespace = 'public'::regnamespace))
    UNION ALL SELECT 'it may create in the schema ' || nspname FROM pg_namespace
      WHERE nspname IN ('public', 'parts') AND has_schema_privilege(:role, oid, 'CREATE')
    UNION ALL SELECT 'it may create schemas' WHERE has_database_privilege(:role, current_database(), 'CREATE')
    UNION ALL SELECT 'it may set session_replication_role' WHERE has_parameter_privilege(:role, 'session_replication_role', 'SET')
    """
)
