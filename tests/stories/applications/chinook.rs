//! Chinook: a shop for digital music.

use super::Application;

pub(super) const CHINOOK: Application = Application {
    schema: include_str!("../../schemas/chinook.sql"),
    rows: include_str!("../../schemas/rows/chinook.sql"),
    functions: super::none,
    guessed: &[],
    added: &[],
    named: &[],
    alone: &[],
    aside: &[],
    loose: &[],
    untold: &[],
    each: "INSERT INTO Genre (Name) VALUES ('Genre WHO');
         INSERT INTO MediaType (Name) VALUES ('Type WHO');
         INSERT INTO Artist (Name) VALUES ('Artist WHO');
         INSERT INTO Album (Title, ArtistId) SELECT 'Album WHO', max(ArtistId) FROM Artist;
         INSERT INTO Track (Name, AlbumId, MediaTypeId, GenreId, Milliseconds, UnitPrice)
         SELECT 'Song WHO', max(AlbumId), (SELECT max(MediaTypeId) FROM MediaType), (SELECT max(GenreId) FROM Genre), 1000, 1
         FROM Album;
         INSERT INTO Playlist (Name) VALUES ('List WHO');
         INSERT INTO PlaylistTrack (PlaylistId, TrackId) SELECT max(PlaylistId), (SELECT max(TrackId) FROM Track) FROM Playlist",
    apart: [
        "INSERT INTO Customer (FirstName, LastName, Email, SupportRepId)
         SELECT 'Zoë', 'Àngel', 'zoe@mail.example', EmployeeId FROM Employee WHERE LastName = 'Park';
         INSERT INTO Invoice (CustomerId, InvoiceDate, BillingCity, Total)
         SELECT CustomerId, '2026-01-05 00:00:00', 'Girona', 1.99 FROM Customer WHERE LastName = 'Àngel';
         INSERT INTO InvoiceLine (InvoiceId, TrackId, UnitPrice, Quantity)
         SELECT (SELECT max(InvoiceId) FROM Invoice), TrackId, UnitPrice, 1 FROM Track
         WHERE Name IN ('No. 1 of First Flight', 'Dunlin Calls');
         UPDATE Track SET UnitPrice = 1.29 WHERE GenreId = (SELECT GenreId FROM Genre WHERE Name = 'Jazz');
         UPDATE Artist SET Name = 'Nameless' WHERE Name IS NULL",
        "INSERT INTO Artist (Name) VALUES ('Les Bécasseaux');
         INSERT INTO Album (Title, ArtistId) SELECT 'Marée', ArtistId FROM Artist WHERE Name = 'Les Bécasseaux';
         INSERT INTO Track (Name, AlbumId, MediaTypeId, GenreId, Milliseconds, UnitPrice)
         SELECT 'Vase ' || value, (SELECT max(AlbumId) FROM Album), 2, 2, 200000, 0.99 FROM json_each('[1, 2, 3]');
         INSERT INTO PlaylistTrack (PlaylistId, TrackId)
         SELECT 2, TrackId FROM Track WHERE Name LIKE 'Vase%';
         DELETE FROM PlaylistTrack WHERE PlaylistId = 3;
         DELETE FROM Playlist WHERE PlaylistId = 3;
         INSERT INTO Employee (LastName, FirstName, ReportsTo)
         SELECT 'Ωmega', 'Zoé', EmployeeId FROM Employee WHERE LastName = 'Sandström';
         INSERT INTO Customer (FirstName, LastName, Email, SupportRepId)
         SELECT 'Bo', 'Vik', 'bo@mail.example', EmployeeId FROM Employee WHERE LastName = 'Ωmega'",
        "INSERT INTO Invoice (CustomerId, InvoiceDate, Total)
         SELECT CustomerId, '2026-01-05 00:00:00', 3 FROM Customer WHERE Email = 'kunde4@mail.example';
         INSERT INTO InvoiceLine (InvoiceId, TrackId, UnitPrice, Quantity)
         SELECT (SELECT max(InvoiceId) FROM Invoice), TrackId, 1, 3 FROM Track WHERE Name = 'Dunlin Calls';
         INSERT INTO Playlist (Name) VALUES ('Kväll');
         INSERT INTO PlaylistTrack (PlaylistId, TrackId)
         SELECT (SELECT max(PlaylistId) FROM Playlist), TrackId FROM Track WHERE AlbumId = 9;
         DELETE FROM InvoiceLine WHERE InvoiceId = 5;
         DELETE FROM Invoice WHERE InvoiceId = 5;
         UPDATE Employee SET ReportsTo = (SELECT EmployeeId FROM Employee WHERE LastName = 'Sandström')
         WHERE LastName = 'Park'",
    ],
    end: &[
        ("SELECT group_concat(said, ', ') FROM (
              SELECT c.LastName || ' ' || count(*) || ' ' || sum(l.Quantity) AS said
              FROM Invoice i JOIN Customer c USING (CustomerId) JOIN InvoiceLine l USING (InvoiceId)
              WHERE i.InvoiceDate = '2026-01-05 00:00:00' GROUP BY c.LastName ORDER BY 1)",
         "Dsund 1 3, Àngel 13 13"),
        ("SELECT a.Name || ', ' || count(*) FROM Track t JOIN Album USING (AlbumId) JOIN Artist a USING (ArtistId)
          WHERE t.Name LIKE 'Vase%'", "Les Bécasseaux, 3"),
        ("SELECT group_concat(said, ', ') FROM (
              SELECT p.Name || ' ' || count(TrackId) AS said
              FROM Playlist p LEFT JOIN PlaylistTrack USING (PlaylistId) GROUP BY p.PlaylistId ORDER BY 1)",
         "Empty 0, Kväll 6, List a 1, List b 1, List c 1, Morning 32, Music 73"),
        ("SELECT group_concat(said, ', ') FROM (
              SELECT e.LastName || ' to ' || b.LastName AS said
              FROM Employee e JOIN Employee b ON b.EmployeeId = e.ReportsTo ORDER BY 1)",
         "Nuñez to Sandström, Park to Sandström, Peeters to Nuñez, Ωmega to Sandström"),
        ("SELECT r.LastName FROM Customer c JOIN Employee r ON r.EmployeeId = c.SupportRepId WHERE c.LastName = 'Vik'", "Ωmega"),
        ("SELECT CAST(min(UnitPrice) || ' ' || max(UnitPrice) AS TEXT) FROM Track JOIN Genre g USING (GenreId)
          WHERE g.Name = 'Jazz'", "1.29 1.29"),
        ("SELECT CAST(count(*) AS TEXT) FROM Artist WHERE Name IS NULL", "0"),
    ],
    own_numbers: "SELECT group_concat(InvoiceId) FROM (SELECT InvoiceId FROM Invoice
                  WHERE InvoiceDate = '2026-01-05 00:00:00' ORDER BY Total)",
};
