-- Erasing a user replaces the identity in the tags of calls; budgets on such a tag, their totals, alerts and holds follow.
-- Calls and events without tags stay without.

CREATE OR REPLACE FUNCTION erased_tags(tags jsonb, identity text, pseudonym text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(tags) IS DISTINCT FROM 'object' THEN tags ELSE (
        SELECT coalesce(jsonb_object_agg(key, CASE jsonb_typeof(value)
            WHEN 'string' THEN to_jsonb(erased_words(value #>> '{}', identity, pseudonym))
            WHEN 'array' THEN CASE WHEN jsonb_typeof(value -> 0) = 'string'
                 THEN jsonb_set(value, '{0}', to_jsonb(erased_words(value ->> 0, identity, pseudonym))) ELSE value END
            ELSE value END), '{}') FROM jsonb_each(tags)) END
$$;

CREATE OR REPLACE FUNCTION erased_json(value jsonb, identity text, pseudonym text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE jsonb_typeof(value)
        WHEN 'object' THEN (
            SELECT coalesce(jsonb_object_agg(key, CASE
                WHEN key IN ('userId', 'user_id') AND item = to_jsonb(identity) THEN to_jsonb(pseudonym)
                WHEN key = 'tags' THEN erased_tags(item, identity, pseudonym)
                WHEN key = 'value' AND jsonb_typeof(item) = 'string' AND (value ->> 'dimension' LIKE 'tag.%' OR value ->> 'kind' = 'tag')
                    THEN to_jsonb(erased_words(item #>> '{}', identity, pseudonym))
                WHEN key IN ('message', 'reason', 'title', 'note', 'subject', 'name') AND jsonb_typeof(item) = 'string'
                    THEN to_jsonb(erased_words(item #>> '{}', identity, pseudonym))
                WHEN key = 'sentences' AND jsonb_typeof(item) = 'array' THEN (
                    SELECT coalesce(jsonb_agg(to_jsonb(erased_words(line #>> '{}', identity, pseudonym))), '[]')
                    FROM jsonb_array_elements(item) AS line)
                ELSE erased_json(item, identity, pseudonym) END), '{}')
            FROM jsonb_each(value) AS e (key, item))
        WHEN 'array' THEN (SELECT coalesce(jsonb_agg(erased_json(item, identity, pseudonym) ORDER BY place), '[]')
                           FROM jsonb_array_elements(value) WITH ORDINALITY AS e (item, place))
        ELSE value END;
END $$;

CREATE OR REPLACE FUNCTION erase_rows(of_user text, as_user text) RETURNS jsonb
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    counts  jsonb := '{}';
    number  bigint;
    found   record;
    changes text;
    wanted  text;
    bytes   bytea := convert_to(of_user, 'UTF8');
    quoted  text := substr(to_json(of_user)::text, 2, length(to_json(of_user)::text) - 2);
BEGIN
    -- No total depends on contacts and notifications.
    FOREACH changes IN ARRAY ARRAY['live_tickets', 'notice_codes', 'notice_attempts', 'notice_deliveries', 'notice_channels', 'notices',
                                   'notice_schedule'] LOOP
        EXECUTE format('DELETE FROM %I WHERE user_id = $1', changes) USING of_user;
        GET DIAGNOSTICS number = ROW_COUNT;
        counts := counts || jsonb_build_object(changes, number);
    END LOOP;
    -- The tags of the user's calls were replaced: the totals of budgets on them follow.
    INSERT INTO scope_spend AS s (user_id, dimension, value, quarter, slot, cost_nano, charged_nano, refunded_nano)
    SELECT as_user, dimension, CASE WHEN dimension LIKE 'tag.%' THEN erased_words(value, of_user, as_user) ELSE value END AS value,
           quarter, slot, sum(cost_nano), sum(charged_nano), sum(refunded_nano)
    FROM scope_spend AS mine WHERE user_id = of_user GROUP BY dimension, 3, quarter, slot
    ON CONFLICT (user_id, dimension, value, quarter, slot) DO UPDATE
    SET cost_nano = s.cost_nano + excluded.cost_nano, charged_nano = s.charged_nano + excluded.charged_nano,
        refunded_nano = s.refunded_nano + excluded.refunded_nano;
    DELETE FROM scope_spend WHERE user_id = of_user;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('scope_spend', number);
    UPDATE budget_holds SET tags = erased_tags(tags, of_user, as_user) WHERE user_id = of_user AND tags IS NOT NULL;
    UPDATE anomaly_sweep SET user_id = '' WHERE user_id = of_user;
    UPDATE dead_letters AS d
    SET key = CASE WHEN key = bytes THEN convert_to(as_user, 'UTF8') ELSE key END,
        value = erased_record(value, coalesce(key = bytes, false), of_user, as_user),
        message = erased_words(message, of_user, as_user)
    WHERE key = bytes OR position(bytes IN value) > 0 OR position(convert_to(quoted, 'UTF8') IN value) > 0 OR strpos(message, of_user) > 0;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('dead_letters', number);
    UPDATE outbox SET aggregateid = CASE WHEN aggregateid = of_user THEN as_user ELSE aggregateid END,
                      payload = erased_json(payload::jsonb, of_user, as_user)::text
    WHERE aggregateid = of_user OR strpos(payload, of_user) > 0 OR strpos(payload, quoted) > 0;
    GET DIAGNOSTICS number = ROW_COUNT;
    counts := counts || jsonb_build_object('outbox', number);
    -- All other tables: the user and the author of a row, and texts of the user's rows.
    FOR found IN
        SELECT c.relname::text AS name,
               bool_or(a.attname = 'user_id') AS is_of_users,
               array_agg(a.attname::text) FILTER (WHERE a.attname = 'user_id' OR a.attname LIKE '%\_by' OR (c.relname, a.attname) IN (('event_sources', 'subject'), ('charge_plans', 'source'), ('service_prices', 'source'),
                                                                       ('price_proposals', 'source'), ('model_aliases', 'source'))) AS names,
               array_agg(a.attname::text) FILTER (WHERE a.attname IN ('reason', 'message', 'error', 'title', 'refusal')) AS words,
               array_agg(a.attname::text) FILTER (WHERE a.attname IN ('data', 'payload', 'event', 'sentences', 'budgets', 'content')) AS documents
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'jsonb'::regtype)
          AND c.relname NOT IN ('call_cost_events', 'calls', 'user_days', 'user_day_costs', 'user_spend', 'user_activity',
                                'sealed_calls', 'sealed_spend', 'dead_letters', 'outbox', 'anomaly_sweep', 'scope_spend', 'read_functions')
        GROUP BY c.relname ORDER BY c.relname
    LOOP
        CONTINUE WHEN found.names IS NULL;
        -- Administrators appear as `admin NAME`.
        changes := (SELECT string_agg(format('%1$I = CASE WHEN %1$I = $1 THEN $2 WHEN %1$I = ANY ($3) THEN erased_words(%1$I, $1, $2) ELSE %1$I END',
                                             name), ', ') FROM unnest(found.names) AS name);
        wanted := (SELECT string_agg(format('%1$I = ANY ($3)', name), ' OR ') FROM unnest(found.names) AS name);
        changes := concat_ws(', ', changes,
            (SELECT string_agg(format('%1$I = erased_words(%1$I, $1, $2)', name), ', ') FROM unnest(found.words) AS name));
        IF found.is_of_users THEN
            changes := concat_ws(', ', changes,
                (SELECT string_agg(format('%1$I = CASE WHEN is_json_document(%1$I::text) THEN erased_json(%1$I::text::jsonb, $1, $2)::text::%2$s ELSE %1$I END',
                                          name, a.atttypid::regtype), ', ')
                 FROM unnest(found.documents) AS name JOIN pg_attribute AS a ON a.attname = name AND a.attrelid = found.name::regclass));
        END IF;
        EXECUTE format('UPDATE %I SET %s WHERE %s', found.name, changes, wanted)
        USING of_user, as_user, ARRAY[of_user, 'admin ' || of_user, 'user ' || of_user, 'entered by ' || of_user];
        GET DIAGNOSTICS number = ROW_COUNT;
        IF number > 0 THEN
            counts := counts || jsonb_build_object(found.name, number);
        END IF;
    END LOOP;
    RETURN counts;
END $$;

CREATE FUNCTION users_counted() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT user_id FROM user_budget_settings UNION SELECT user_id FROM user_activity
$$;
COMMENT ON FUNCTION users_counted IS 'Returns the users with events or totals; each batch opens the settings of its users.';
REVOKE EXECUTE ON FUNCTION users_counted FROM PUBLIC;
GRANT EXECUTE ON FUNCTION users_counted TO cost_analytics_operator_rights, cost_analytics_notifications_rights;
