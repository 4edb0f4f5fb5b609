-- Where and when a price was published, beside the name of its source.

ALTER TABLE service_prices
    ADD COLUMN source_url  text NOT NULL DEFAULT '',
    ADD COLUMN source_date date;
COMMENT ON COLUMN service_prices.source_url IS 'The address where the price was published, or empty.';
COMMENT ON COLUMN service_prices.source_date IS 'The day on which the price was published or read there, if known.';

ALTER TABLE price_proposals
    ADD COLUMN source_url  text NOT NULL DEFAULT '',
    ADD COLUMN source_date date;

-- A source that confirms a price later is stored with it; what the price is never changes.
CREATE OR REPLACE FUNCTION keep_prices() RETURNS trigger
    LANGUAGE plpgsql AS $$
DECLARE
    changing CONSTANT text[] := ARRAY['verified_at', 'retires_on', 'is_deprecated', 'source', 'source_url', 'source_date'];
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - changing = to_jsonb(OLD) - changing THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'prices are added, never changed or removed' USING ERRCODE = 'restrict_violation';
END $$;
