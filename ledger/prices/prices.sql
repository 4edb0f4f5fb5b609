-- name: catalogue
-- The whole price catalogue.
SELECT price_id, service, class, operation, model, unit, price_usd, per_units, effective_from,
       minimum_seconds, increment_seconds
FROM service_prices

-- name: catalogue_version
-- A number that increases with new prices, charge plans and aliases: rows are only added.
SELECT (SELECT count(*) FROM service_prices) + (SELECT count(*) FROM charge_plans)
       + (SELECT count(*) FROM model_aliases)

-- name: retirements
-- What the last verified price of each model says about its retirement, if it says anything.
SELECT service, operation, model, retires_on, coalesce(is_deprecated, false) AS is_deprecated
FROM (
    SELECT DISTINCT ON (service, operation, model) service, operation, model, retires_on, is_deprecated
    FROM service_prices
    WHERE retires_on IS NOT NULL OR is_deprecated IS NOT NULL
    ORDER BY service, operation, model, verified_at DESC, price_id DESC
) AS newest
WHERE retires_on IS NOT NULL OR is_deprecated
