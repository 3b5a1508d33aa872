"""Double entry in integers: one function per fact, balanced and append-only by the database itself."""
