-- fragment: lock
-- The lock of all entries into the catalogue.
SELECT pg_advisory_xact_lock(hashtext('cost-analytics prices'))

-- name: list
-- The catalogue, or the prices of :service, with each row's state at time :at.
SELECT service, class, operation, model, unit, price_usd, per_units, effective_from, source, set_by,
       minimum_seconds, increment_seconds, price_id, created_at, verified_at, retires_on, is_deprecated,
       source_url, source_date,
       CASE
           WHEN effective_from > :at THEN 'future'
           WHEN effective_from = max(effective_from) FILTER (WHERE effective_from <= :at)
               OVER (PARTITION BY service, operation, model, unit) THEN 'in force'
           ELSE 'past'
       END AS state
FROM service_prices
WHERE :service::text IS NULL OR service = :service
ORDER BY array_position(ARRAY['api', 'infrastructure', 'transaction', 'revenue'], class),
         service, operation, model, unit, effective_from

-- name: one_at_a_time
-- Serializes entries: whether a change is large depends on earlier entries.
{{lock}}

-- name: known
-- The catalogue's prices of the keys :service to :unit.
SELECT DISTINCT p.*
FROM unnest(:service::text[], :operation::text[], :model::text[], :unit::text[]) AS requested (service,
            operation, model, unit)
JOIN service_prices AS p USING (service, operation, model, unit)

-- name: verify
-- Marks the prices :price_ids as verified now, and stores what is said about their models; a null changes nothing.
-- The ids are joined, because a large array would be searched for each row.
UPDATE service_prices
SET verified_at = now(), retires_on = coalesce(verified.retires_on, service_prices.retires_on),
    is_deprecated = coalesce(verified.is_deprecated, service_prices.is_deprecated)
FROM unnest(:price_ids::integer[], :retires_on::date[], :is_deprecated::boolean[])
    AS verified (price_id, retires_on, is_deprecated)
WHERE service_prices.price_id = verified.price_id

-- name: cite
-- Stores the source that confirms the prices :price_ids, unless they have a newer one.
UPDATE service_prices AS p
SET source = c.source, source_url = c.source_url, source_date = c.source_date
FROM unnest(:price_ids::integer[], :source::text[], :source_url::text[], :source_date::date[])
     AS c (price_id, source, source_url, source_date)
WHERE p.price_id = c.price_id AND (p.source_date IS NULL OR p.source_date < c.source_date)

-- name: add
-- Inserts new rows; :set_by is who enters them.
INSERT INTO service_prices (service, class, operation, model, unit, price_usd, per_units, effective_from, source,
                            minimum_seconds, increment_seconds, retires_on, is_deprecated, source_url, source_date,
                            set_by)
SELECT t.*, :set_by
FROM unnest(:service::text[], :class::text[], :operation::text[], :model::text[], :unit::text[],
            :price_usd::numeric[], :per_units::bigint[], :effective_from::timestamptz[],
            :source::text[], :minimum_seconds::integer[], :increment_seconds::integer[],
            :retires_on::date[], :is_deprecated::boolean[], :source_url::text[], :source_date::date[]) AS t
ON CONFLICT (service, operation, model, unit, effective_from) DO NOTHING
RETURNING price_id

-- name: conflicts
-- The indexes (from 1) of rows whose key has another price in the catalogue, and that price.
SELECT requested.ordinality, known.price_usd || ' per ' || known.per_units
       || CASE WHEN (known.minimum_seconds, known.increment_seconds) <> (0, 0)
               THEN ' ' || known.minimum_seconds || '/' || known.increment_seconds || ' s' ELSE '' END AS known
FROM unnest(:service::text[], :class::text[], :operation::text[], :model::text[], :unit::text[],
            :price_usd::numeric[], :per_units::bigint[], :effective_from::timestamptz[],
            :source::text[], :minimum_seconds::integer[], :increment_seconds::integer[])
     WITH ORDINALITY AS requested (service, class, operation, model, unit, price_usd, per_units, effective_from, source,
                                   minimum_seconds, increment_seconds, ordinality)
JOIN service_prices AS known USING (service, operation, model, unit, effective_from)
WHERE known.price_usd * requested.per_units <> requested.price_usd * known.per_units
   OR (known.minimum_seconds, known.increment_seconds) <> (requested.minimum_seconds, requested.increment_seconds)
ORDER BY requested.ordinality

-- name: other_classes
-- Those of :services whose class in the catalogue differs from the one at the same index of :classes.
SELECT DISTINCT known.service, known.class
FROM unnest(:services::text[], :classes::text[]) AS requested (service, class)
JOIN service_prices AS known USING (service)
WHERE known.class <> requested.class
ORDER BY known.service, known.class
