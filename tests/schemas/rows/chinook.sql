-- Made-up rows for Chinook: 12 artists, 24 albums, 144 tracks, 20 customers, 60 invoices.
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12),
    first (i, word) AS (VALUES (0, 'Blå'), (1, 'Little'), (2, 'Señor'), (3, 'Northern')),
    second (i, word) AS (VALUES (0, 'Heron'), (1, 'Kvartetten'), (2, 'Gulls'))
INSERT INTO Artist (ArtistId, Name)
SELECT n.i, first.word || ' ' || second.word
FROM n JOIN first ON first.i = n.i % 4 JOIN second ON second.i = n.i % 3;
-- A name may be missing, and need not differ.
INSERT INTO Artist (ArtistId, Name) VALUES (13, NULL), (14, 'Little Gulls');
INSERT INTO Album (AlbumId, Title, ArtistId)
SELECT ArtistId * 2 + k.value, CASE k.value WHEN 0 THEN 'First Flight' ELSE 'Live at the Sound' END, ArtistId
FROM Artist, json_each('[0, 1]') k WHERE ArtistId <= 12;
INSERT INTO Genre (GenreId, Name) VALUES (1, 'Jazz'), (2, 'Folk'), (3, 'Rock'), (4, 'Barock'), (25, 'Hörspiel');
INSERT INTO MediaType (MediaTypeId, Name) VALUES (1, 'MPEG audio file'), (2, 'FLAC audio file');
INSERT INTO Track (Name, AlbumId, MediaTypeId, GenreId, Composer, Milliseconds, Bytes, UnitPrice)
SELECT
    'No. ' || k.value || ' of ' || Title, AlbumId, 1 + k.value % 2,
    CASE WHEN k.value = 6 THEN NULL ELSE 1 + AlbumId % 4 END,
    CASE WHEN k.value % 3 = 0 THEN 'K. Øster, M. Díaz' END,
    180000 + AlbumId * 997 + k.value, CASE WHEN k.value < 5 THEN 5000000000 + AlbumId END,
    CASE WHEN k.value = 1 THEN 1 ELSE 0.99 END
FROM Album, json_each('[1, 2, 3, 4, 5, 6]') k ORDER BY AlbumId, k.value;
-- Without an album, and not in order.
INSERT INTO Track (TrackId, Name, AlbumId, MediaTypeId, Milliseconds, UnitPrice)
VALUES (3000, 'Dunlin Calls', NULL, 2, 61000, 0.49);
INSERT INTO Playlist (PlaylistId, Name) VALUES (1, 'Music'), (2, 'Morning'), (3, 'Music'), (8, 'Empty');
INSERT INTO PlaylistTrack (PlaylistId, TrackId)
SELECT 1, TrackId FROM Track WHERE TrackId % 2 = 0
UNION SELECT 2, TrackId FROM Track WHERE TrackId % 5 = 0
UNION SELECT 3, TrackId FROM Track WHERE TrackId < 10;
-- The one above all has a higher number than those below.
INSERT INTO Employee (EmployeeId, LastName, FirstName, Title, ReportsTo, BirthDate, HireDate, City, Country, Email)
VALUES
    (9, 'Sandström', 'Eva', 'General Manager', NULL, '1968-02-18 00:00:00', '2009-08-14 00:00:00', 'Malmö', 'Sweden', 'eva@shop.example'),
    (2, 'Nuñez', 'Iris', 'Sales Manager', 9, '1974-12-08 00:00:00', '2010-05-01 00:00:00', 'León', 'Spain', 'iris@shop.example'),
    (3, 'Peeters', 'Joke', 'Sales Support Agent', 2, '1983-08-29 00:00:00', '2012-04-01 00:00:00', 'Gent', 'Belgium', 'joke@shop.example'),
    (4, 'Park', 'Mina', 'Sales Support Agent', 2, '1987-09-19 00:00:00', NULL, '부산', 'Korea', NULL);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
INSERT INTO Customer (CustomerId, FirstName, LastName, Company, City, Country, PostalCode, Phone, Email, SupportRepId)
SELECT
    i, 'Kunde' || i, substr('ÅBÇDEFGHIJKLMNOPQRSTU', i, 1) || 'sund', CASE WHEN i % 4 = 0 THEN 'Firma ' || i END,
    'By ' || (i % 5), 'Norway', '0' || (200 + i), '+47 22 ' || (440000 + i), 'kunde' || i || '@mail.example',
    CASE WHEN i = 20 THEN NULL ELSE 3 + i % 2 END
FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
INSERT INTO Invoice (InvoiceId, CustomerId, InvoiceDate, BillingCity, BillingCountry, Total)
SELECT i, 1 + i % 19, datetime('2025-01-01', '+' || (i * 5) || ' days'), 'By ' || (i % 5), 'Norway', 0 FROM n;
INSERT INTO InvoiceLine (InvoiceId, TrackId, UnitPrice, Quantity)
SELECT i.InvoiceId, t.TrackId, t.UnitPrice, 1
FROM Invoice i JOIN Track t ON t.TrackId % 30 = i.InvoiceId % 30 AND t.TrackId < 1000;
UPDATE Invoice
SET Total = (SELECT sum(UnitPrice * Quantity) FROM InvoiceLine l WHERE l.InvoiceId = Invoice.InvoiceId);
