-- A charge may name a payment processor that the catalogue does not know, and bring its own fee. What such
-- a processor kept is a transaction's cost all the same, not an API's.

CREATE TABLE payment_processors (
    processor text PRIMARY KEY
);
COMMENT ON TABLE payment_processors IS
    'Processors that charges have named and that had no price then. Once the catalogue has one, its class counts.';

INSERT INTO payment_processors
SELECT DISTINCT service FROM call_cost_events AS e
WHERE type = 'call.charged'
  AND NOT EXISTS (SELECT FROM service_prices AS p WHERE p.service = e.service);

-- It returns a table, if of one row: only such functions become part of the query that uses them.
CREATE FUNCTION cost_class_of(name text) RETURNS TABLE (class text)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        (SELECT p.class FROM service_prices AS p WHERE p.service = name
          ORDER BY effective_from DESC, price_id DESC LIMIT 1),
        (SELECT 'transaction' FROM payment_processors WHERE processor = name),
        'api')
$$;
COMMENT ON FUNCTION cost_class_of IS
    'What kind of cost a service''s is: as the catalogue has it, else a transaction where charges name it, else api.';

GRANT SELECT ON payment_processors TO cost_analytics_reader;
