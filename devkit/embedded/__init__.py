"""Servers that a developer's machine need not have: a broker and a database run as children.

`make run`, the tests and the benchmark start their Kafka and their PostgreSQL from here, so that a
machine with nothing but Python can run the whole product. Production never imports this package.
"""
