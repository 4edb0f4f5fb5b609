-- name: catalogue
-- The whole price catalogue.
SELECT price_id, service, class, operation, model, unit, price_usd, per_units, effective_from,
       minimum_seconds, increment_seconds
FROM service_prices

-- name: catalogue_version
-- A number that increases with new prices, charge plans and aliases: rows are only ever added.
SELECT (SELECT count(*) FROM service_prices) + (SELECT count(*) FROM charge_plans)
       + (SELECT count(*) FROM model_aliases)
