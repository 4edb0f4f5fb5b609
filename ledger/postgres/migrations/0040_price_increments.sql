-- Billing increments: a price of a time unit may bill a minimum duration, and round up to an increment. A constant
-- default rewrites no table, and the previous release inserts prices without increments.

ALTER TABLE service_prices
    ADD COLUMN minimum_seconds   integer NOT NULL DEFAULT 0 CHECK (minimum_seconds >= 0),
    ADD COLUMN increment_seconds integer NOT NULL DEFAULT 0 CHECK (increment_seconds >= 0);
COMMENT ON COLUMN service_prices.minimum_seconds IS
    'The shortest billed duration of a leg; 0 for none. Part of the price, not of its key.';
COMMENT ON COLUMN service_prices.increment_seconds IS
    'The duration of a leg is rounded up to a multiple of this before it is priced; 0 for none.';

ALTER TABLE price_proposals
    ADD COLUMN minimum_seconds   integer NOT NULL DEFAULT 0 CHECK (minimum_seconds >= 0),
    ADD COLUMN increment_seconds integer NOT NULL DEFAULT 0 CHECK (increment_seconds >= 0);
