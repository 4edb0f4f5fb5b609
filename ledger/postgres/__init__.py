"""PostgreSQL: connections, named statements, migrations, roles, rights and row policies."""
