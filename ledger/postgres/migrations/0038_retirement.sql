-- When a vendor retires the model of a price, where a price list says so. A confirmed price takes over
-- what its source says now, so these columns may change; the previous release leaves them as they are.

ALTER TABLE service_prices
    ADD COLUMN retires_on date,
    ADD COLUMN is_deprecated boolean;
COMMENT ON COLUMN service_prices.retires_on IS
    'The day on which the vendor retires the model, or null. It prices no event differently.';
COMMENT ON COLUMN service_prices.is_deprecated IS
    'Whether the vendor advises against the model, or null if no source says so.';
COMMENT ON COLUMN service_prices.verified_at IS
    'When a person or a source last confirmed this price. Changes as retires_on and is_deprecated do; nothing else changes.';

ALTER TABLE price_proposals
    ADD COLUMN retires_on date,
    ADD COLUMN is_deprecated boolean;

CREATE OR REPLACE FUNCTION keep_prices() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    changing CONSTANT text[] := ARRAY['verified_at', 'retires_on', 'is_deprecated'];
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - changing = to_jsonb(OLD) - changing THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'prices are added, never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;
