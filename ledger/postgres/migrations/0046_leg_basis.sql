-- The part of a leg's rounding that later prices added follows from the pieces of the leg: a correcting cost states the
-- prices that charges follow. The previous release does not state them: then the price of a single usage follows from
-- the reference to the cost that was corrected first.

CREATE FUNCTION charge_basis_prices(source text, data text, unit text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN source = '/cost-analytics/rerate' AND data::jsonb ? 'chargeBasisNano'
                THEN coalesce(data::jsonb -> 'chargeBasisPrices',
                              CASE WHEN unit IS NOT NULL AND data::jsonb #>> '{rerated,priceId}' IS NOT NULL
                                   THEN jsonb_build_object(unit, data::jsonb #> '{rerated,priceId}') END) END;
COMMENT ON FUNCTION charge_basis_prices IS
    'The ids of the prices that charges follow, by unit of time; null for the prices of the cost itself.';

ALTER TABLE archived_costs ADD COLUMN basis_prices jsonb;
COMMENT ON COLUMN archived_costs.basis_prices IS 'The prices that charges follow, null if those are the prices of the cost.';

CREATE OR REPLACE VIEW repriceable_costs AS
SELECT identity, time, user_id, call_id, service, operation, model, unit, usage, cost_nano, price_id, price_context, usages, leg_id,
       charge_basis_nano(source, data, cost_nano) AS basis_nano, charge_basis_prices(source, data, unit) AS basis_prices
FROM counted_costs
UNION ALL
SELECT a.identity, a.time, c.user_id, a.call_id, k.service, k.operation, nullif(k.model, ''), nullif(k.unit, ''),
       a.usage, a.cost_nano, a.price_id, a.price_context, a.usages, a.leg_id, coalesce(a.basis_nano, a.cost_nano), a.basis_prices
FROM archived_costs AS a
JOIN archived_cost_kinds AS k USING (kind_id)
JOIN sealed_calls AS c ON c.call_id = a.call_id AND c.seal_id = a.seal_id
WHERE NOT EXISTS (SELECT FROM known_voids AS v WHERE v.call_id = a.call_id AND v.voids = a.identity);

CREATE OR REPLACE VIEW leg_pieces AS
SELECT identity, call_id, service, operation, coalesce(model, '') AS model, coalesce(leg_id, '') AS leg_id,
       unit = 'audio_seconds' AS is_audio, time, price_id, cost_nano,
       quantity * CASE unit WHEN 'minutes' THEN 60 ELSE 1 END AS seconds,
       coalesce((basis_prices ->> unit)::integer, price_id) AS basis_price_id
FROM (
    SELECT identity, call_id, service, operation, model, leg_id, time, unit, usage AS quantity, price_id, cost_nano, basis_prices
    FROM repriceable_costs WHERE usages IS NULL
    UNION ALL
    SELECT c.identity, c.call_id, c.service, c.operation, c.model, c.leg_id, c.time, u.unit, u.quantity,
           CASE WHEN c.price_id = 0 THEN 0 ELSE u.price_id END, coalesce(u.cost_nano, 0), c.basis_prices
    FROM repriceable_costs AS c,
         jsonb_to_recordset(c.usages) AS u (unit text, quantity numeric, price_id integer, cost_nano bigint)
) AS quantities
WHERE unit IN ('seconds', 'minutes', 'audio_seconds') AND price_id IS NOT NULL;
COMMENT ON COLUMN leg_pieces.basis_price_id IS 'The price that charges follow.';
