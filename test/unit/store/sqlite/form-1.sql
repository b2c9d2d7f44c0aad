-- A database of form 1, as podiod left it before there was a second one.
PRAGMA application_id = 1349477481;
PRAGMA user_version = 1;
CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  ref INTEGER NOT NULL,
  type INTEGER NOT NULL,
  source INTEGER NOT NULL,
  app INTEGER,
  space INTEGER,
  item INTEGER,
  revision INTEGER,
  external_id TEXT,
  params TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  part INTEGER NOT NULL,
  twin INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_identity ON event (id, ref);
CREATE INDEX event_item ON event (item) WHERE item IS NOT NULL;
CREATE INDEX event_app ON event (app) WHERE app IS NOT NULL;
CREATE INDEX event_type ON event (type);
CREATE INDEX event_ref ON event (ref);
CREATE TABLE lane (
  rule INTEGER NOT NULL,
  shard INTEGER NOT NULL,
  shards INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  cursor INTEGER NOT NULL,
  PRIMARY KEY (rule, shard, shards)
) STRICT, WITHOUT ROWID;
CREATE TABLE run (
  rule INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  replay INTEGER NOT NULL,
  outcome INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  steps TEXT,
  error TEXT,
  PRIMARY KEY (rule, seq, replay)
) STRICT, WITHOUT ROWID;
CREATE TABLE tally (
  rule INTEGER PRIMARY KEY,
  settled INTEGER NOT NULL,
  filtered INTEGER NOT NULL,
  parked INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  last_outcome INTEGER NOT NULL
) STRICT;
CREATE TABLE open_run (
  id INTEGER PRIMARY KEY,
  rule INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  replay INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  UNIQUE (rule, seq, replay)
) STRICT;
CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES open_run ON DELETE CASCADE,
  step TEXT NOT NULL,
  branch TEXT NOT NULL,
  output TEXT NOT NULL,
  verdict TEXT NOT NULL,
  UNIQUE (run, step, branch)
) STRICT;
CREATE TABLE tries (
  run INTEGER NOT NULL REFERENCES open_run ON DELETE CASCADE,
  step TEXT NOT NULL,
  branch TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  since_first INTEGER NOT NULL,
  wait INTEGER NOT NULL,
  at INTEGER NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (run, step, branch)
) STRICT, WITHOUT ROWID;
CREATE TABLE parked (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  rule INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  replay INTEGER NOT NULL,
  step TEXT NOT NULL,
  branch TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  error TEXT NOT NULL,
  parked_at INTEGER NOT NULL,
  requested INTEGER NOT NULL,
  UNIQUE (rule, seq, replay)
) STRICT;
CREATE INDEX parked_rule ON parked (rule);
CREATE INDEX parked_requested ON parked (rule) WHERE requested = 1;
CREATE TABLE value (
  space TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO name VALUES (1, '["app",101]');
INSERT INTO name VALUES (2, 'item.update');
INSERT INTO name VALUES (3, 'leads');
INSERT INTO name VALUES (4, 'won-leads');
INSERT INTO event VALUES (1, 'item.update:1:4', 1, 2, 0, 3, NULL, 1, 4, NULL, '{"type":"item.update","item_id":"1","item_revision_id":"4"}', 1795344441370, 63, 0);
INSERT INTO event VALUES (2, 'item.update:2:1', 1, 2, 0, 3, NULL, 2, 1, NULL, '{"type":"item.update","item_id":"2","item_revision_id":"1"}', 1795344441370, 18, 0);
INSERT INTO event VALUES (3, 'item.update:1:5', 1, 2, 0, 3, NULL, 1, 5, NULL, '{"type":"item.update","item_id":"1","item_revision_id":"5"}', 1795344441370, 63, 0);
INSERT INTO lane VALUES (4, 0, 1, 1, 2);
INSERT INTO run VALUES (4, 1, 0, 0, 1795344441376, '[["tell",0,1,3]]', NULL);
INSERT INTO run VALUES (4, 2, 0, 2, 1795344441378, '[["tell",2,5,3,null,"Slack said no"]]', 'Slack said no');
INSERT INTO tally VALUES (4, 1, 0, 1, 0, 1795344441378, 2);
INSERT INTO parked VALUES (1, 4, 2, 0, 'tell', '', 5, 'Slack said no', 1795344441378, 0);
INSERT INTO setting VALUES ('token/app/101', '{"kept":true}');
