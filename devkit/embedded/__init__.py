"""Embedded servers: a broker and a database as child processes.

`make run`, the tests and the benchmark start their Kafka and PostgreSQL from here, so that the
whole product runs on a machine with only Python. Production never imports this package.
"""
