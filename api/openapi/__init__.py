"""The document of the interface in OpenAPI's form, made from the routes and types that serve it."""
