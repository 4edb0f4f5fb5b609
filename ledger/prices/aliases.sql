-- name: list
-- The aliases of :service or of all, by name, oldest first.
SELECT service, alias, model, effective_from, source, set_by, created_at
FROM model_aliases
WHERE :service::text IS NULL OR service = :service
ORDER BY service, alias, effective_from

-- name: catalogue
-- All aliases, as the catalogue needs them.
SELECT service, alias, model, effective_from FROM model_aliases

-- name: one_at_a_time
-- Serializes entries of aliases and prices: whether an alias is allowed depends on prices and on earlier aliases.
{{prices/entry.lock}}

-- name: now
-- The database's clock, which decides whether an alias begins in the past.
SELECT clock_timestamp()

-- name: priced
-- Those of :models, each with the service at the same index of :services, that have prices of usage.
SELECT DISTINCT p.service, p.model
FROM unnest(:services::text[], :models::text[]) AS requested (service, model)
JOIN service_prices AS p USING (service, model)
WHERE p.class = 'api'

-- name: add
-- Inserts aliases; :set_by is who enters them.
INSERT INTO model_aliases (service, alias, model, effective_from, source, set_by)
SELECT t.*, :set_by
FROM unnest(:service::text[], :alias::text[], :model::text[], :effective_from::timestamptz[],
            :source::text[]) AS t
