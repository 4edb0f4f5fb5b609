-- name: catalogue
-- The whole price catalogue.
SELECT price_id, service, class, operation, model, unit, price_usd, per_units, effective_from
FROM service_prices

-- name: catalogue_version
-- Rows are only ever added, so their number tells whether there are new ones.
SELECT count(*) FROM service_prices
