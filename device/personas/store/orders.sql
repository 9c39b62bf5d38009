-- The orders of the shop, and what they begin with. Dates count from the day on which the file is made.
CREATE TABLE orders (
    number TEXT PRIMARY KEY CHECK (number GLOB '[0-9][0-9][0-9][0-9]'),
    item TEXT NOT NULL,                 -- with its article: "a blue kettle"
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
    status TEXT NOT NULL CHECK (status IN ('placed', 'shipped', 'delivered', 'cancelled', 'returning')),
    ordered_on TEXT NOT NULL,           -- ISO dates
    expected_on TEXT,                   -- when it is to arrive; NULL once it is not on its way any more
    delivered_on TEXT
) STRICT;

-- Every change, by the call that made it: the same call again changes nothing.
CREATE TABLE changes (
    key TEXT PRIMARY KEY,
    number TEXT NOT NULL REFERENCES orders (number),
    status TEXT NOT NULL,               -- what it became
    before TEXT NOT NULL,               -- what it was
    at TEXT NOT NULL                    -- ISO 8601, with the zone
) STRICT;

INSERT INTO orders VALUES
    ('4198', 'two coffee mugs', 1800, 'delivered', date('now', '-66 days'), NULL, date('now', '-60 days')),
    ('4205', 'a garden hose', 2750, 'cancelled', date('now', '-20 days'), NULL, NULL),
    ('4211', 'a toaster', 4490, 'returning', date('now', '-18 days'), NULL, date('now', '-14 days')),
    ('4217', 'a wool blanket', 7900, 'delivered', date('now', '-15 days'), NULL, date('now', '-12 days')),
    ('4219', 'a blue kettle', 3400, 'placed', date('now', '-1 days'), date('now', '+3 days'), NULL),
    ('4220', 'a reading lamp', 5990, 'shipped', date('now', '-3 days'), date('now', '+1 days'), NULL),
    ('4224', 'a red kettle', 3650, 'shipped', date('now', '-2 days'), date('now', '+2 days'), NULL),
    ('4230', 'a bread knife', 2500, 'placed', date('now'), date('now', '+4 days'), NULL);
