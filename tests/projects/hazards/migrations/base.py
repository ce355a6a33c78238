"""The tables of a shop that is open while the revisions beside this file are tried."""

from __future__ import annotations

from alembic import op

_STATEMENTS = """
CREATE TYPE order_status AS ENUM ('pending', 'paid');
CREATE DOMAIN price AS numeric;
CREATE TABLE customers (
    id bigserial PRIMARY KEY,
    email text NOT NULL,
    full_name text,
    country text CONSTRAINT ck_customers_country CHECK (country IS NOT NULL),
    phone varchar(20),
    points int NOT NULL DEFAULT 0,
    created_at timestamp NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX ux_customers_email ON customers (email);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL,
    parent_id bigint REFERENCES customers,
    status order_status NOT NULL DEFAULT 'pending',
    amount numeric(8, 2),
    country text,
    legacy_id int,
    during tstzrange,
    CONSTRAINT ck_orders_amount CHECK (amount > 0) NOT VALID
);
ALTER TABLE orders ADD CONSTRAINT fk_orders_customer
    FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;
CREATE INDEX ix_orders_country ON orders (country);
CREATE TABLE lines (order_id bigint, product text, quantity int, price price);
CREATE UNIQUE INDEX ux_lines ON lines (order_id, product);
CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 (at date NOT NULL, what text);
CREATE TABLE events_2027 (
    at date NOT NULL, what text, CHECK (at >= '2027-01-01' AND at < '2028-01-01')
);
CREATE TABLE visits (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE visits_rest PARTITION OF visits DEFAULT;
CREATE MATERIALIZED VIEW totals AS SELECT customer_id, count(*) FROM orders GROUP BY 1;
CREATE UNIQUE INDEX ux_totals ON totals (customer_id);
CREATE VIEW named_customers AS SELECT id, full_name FROM customers;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION index_all(names text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY names LOOP
        EXECUTE 'CREATE INDEX ON ' || quote_ident(name) || ' (country)';
    END LOOP;
END $$;
CREATE SCHEMA archive;
CREATE TABLE archive.orders (id bigint PRIMARY KEY, amount numeric(8, 2));
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(_STATEMENTS)
