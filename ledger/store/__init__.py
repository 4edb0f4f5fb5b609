"""The only place that talks to PostgreSQL: connections, named SQL statements, migrations."""
