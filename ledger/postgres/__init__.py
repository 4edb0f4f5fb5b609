"""How we talk to PostgreSQL: which role may do what, and on whose behalf it reads."""
