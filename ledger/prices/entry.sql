-- name: list
-- The catalogue, or the prices of service $2, with each row's state at time $1.
SELECT service, class, operation, model, unit, price_usd, per_units, effective_from, source, set_by,
       price_id, created_at, verified_at,
       CASE
           WHEN effective_from > $1 THEN 'future'
           WHEN effective_from = max(effective_from) FILTER (WHERE effective_from <= $1)
               OVER (PARTITION BY service, operation, model, unit) THEN 'in force'
           ELSE 'past'
       END AS state
FROM service_prices
WHERE $2::text IS NULL OR service = $2
ORDER BY array_position(ARRAY['api', 'infrastructure', 'transaction', 'revenue'], class),
         service, operation, model, unit, effective_from

-- name: one_at_a_time
-- Prices are entered one after the other: what is large depends on what was entered before.
SELECT pg_advisory_xact_lock(hashtext('cost-analytics prices'))

-- name: known
-- The catalogue's prices of the keys $1 to $4.
SELECT DISTINCT p.*
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS asked (service, operation, model, unit)
JOIN service_prices AS p USING (service, operation, model, unit)

-- name: verify
-- Somebody said again that these are the prices.
UPDATE service_prices SET verified_at = now() WHERE price_id = ANY ($1::integer[])

-- name: add
-- Adds the rows that are not there yet; $10 is who enters them.
INSERT INTO service_prices (service, class, operation, model, unit, price_usd, per_units, effective_from, source, set_by)
SELECT t.*, $10
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::bigint[], $8::timestamptz[], $9::text[]) AS t
ON CONFLICT (service, operation, model, unit, effective_from) DO NOTHING
RETURNING price_id

-- name: conflicts
-- The places (from 1) of rows whose key has another price in the catalogue, and which.
SELECT asked.place, known.price_usd || ' per ' || known.per_units AS known
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::bigint[], $8::timestamptz[], $9::text[])
     WITH ORDINALITY AS asked (service, class, operation, model, unit, price_usd, per_units, effective_from, source, place)
JOIN service_prices AS known USING (service, operation, model, unit, effective_from)
WHERE known.price_usd * asked.per_units <> asked.price_usd * known.per_units
ORDER BY asked.place

-- name: other_classes
-- The services among $1 that the catalogue knows as of another class than the one beside them in $2.
SELECT DISTINCT known.service, known.class
FROM unnest($1::text[], $2::text[]) AS asked (service, class)
JOIN service_prices AS known USING (service)
WHERE known.class <> asked.class
ORDER BY known.service, known.class
