-- What vendors have billed, to be compared with what was recorded. A bill is kept with its
-- provenance; it is never changed, only withdrawn.

CREATE TABLE vendor_bills (
    bill_id      integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest       bytea       NOT NULL UNIQUE,
    name         text        NOT NULL,
    imported_by  text        NOT NULL,
    imported_at  timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz
);
COMMENT ON TABLE vendor_bills IS 'One row for each file of a vendor''s bill. A withdrawn one counts no more.';
COMMENT ON COLUMN vendor_bills.digest IS 'SHA-256 of the file: the same file is never counted twice.';
COMMENT ON COLUMN vendor_bills.name IS 'What the file was called.';

CREATE TABLE vendor_bill_lines (
    bill_id     integer NOT NULL REFERENCES vendor_bills,
    line        integer NOT NULL,
    service     text    COLLATE "C" NOT NULL,
    day         date    NOT NULL,
    quantity    numeric,
    amount_nano bigint  NOT NULL,
    PRIMARY KEY (bill_id, line)
);
CREATE INDEX vendor_bill_lines_day ON vendor_bill_lines (day, service);
COMMENT ON TABLE vendor_bill_lines IS 'What a vendor bills for a UTC day; a negative amount is a credit.';
COMMENT ON COLUMN vendor_bill_lines.line IS 'The line of the file.';

ALTER TABLE vendor_bills      ENABLE ROW LEVEL SECURITY;
ALTER TABLE vendor_bill_lines ENABLE ROW LEVEL SECURITY;
CREATE POLICY administrators ON vendor_bills      FOR SELECT TO cost_analytics_reader USING (may_read_all());
CREATE POLICY administrators ON vendor_bill_lines FOR SELECT TO cost_analytics_reader USING (may_read_all());
GRANT SELECT ON vendor_bills, vendor_bill_lines TO cost_analytics_reader;
