/** The tables of engine.db, one step a version: a database of an earlier runt is brought up step by step. */

export const steps: readonly string[] = [
  `CREATE TABLE containers (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     created TEXT NOT NULL,
     status TEXT NOT NULL,
     summary TEXT NOT NULL,
     request TEXT NOT NULL,
     definition TEXT NOT NULL,
     run TEXT NOT NULL,
     owner TEXT
   ) WITHOUT ROWID;
   CREATE TABLE volumes (
     name TEXT PRIMARY KEY,
     created TEXT NOT NULL,
     anonymous INTEGER NOT NULL,
     driver TEXT NOT NULL,
     options TEXT NOT NULL,
     labels TEXT NOT NULL
   ) WITHOUT ROWID;
   CREATE TABLE volume_uses (
     volume TEXT NOT NULL,
     container TEXT NOT NULL,
     PRIMARY KEY (volume, container)
   ) WITHOUT ROWID;
   CREATE INDEX volume_uses_of_container ON volume_uses (container);
   CREATE TABLE events (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     time TEXT NOT NULL,
     type TEXT NOT NULL,
     action TEXT NOT NULL,
     actor TEXT NOT NULL,
     attributes TEXT NOT NULL
   );`,
  `CREATE TABLE found_images (
     asked TEXT PRIMARY KEY,
     version TEXT NOT NULL,
     found TEXT NOT NULL
   ) WITHOUT ROWID;`,
  `CREATE TABLE id_ranges (
     container TEXT NOT NULL,
     kind TEXT NOT NULL,
     first INTEGER NOT NULL,
     count INTEGER NOT NULL,
     PRIMARY KEY (container, kind, first)
   ) WITHOUT ROWID;`,
  // What seldom changes and is long: beside it, each change of a status would write all of it once more.
  `CREATE TABLE definitions (
     container TEXT PRIMARY KEY,
     request TEXT NOT NULL,
     definition TEXT NOT NULL
   ) WITHOUT ROWID;
   INSERT INTO definitions SELECT id, request, definition FROM containers;
   ALTER TABLE containers DROP COLUMN request;
   ALTER TABLE containers DROP COLUMN definition;`,
];
