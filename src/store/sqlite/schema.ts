/**
 * The database's form. A new version is a new entry at the end of MIGRATIONS; one that was released is never edited.
 * Additive first: an older daemon may have to read what a newer one wrote.
 */
import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../../core/errors.ts';
import { APPLICATION_ID } from '../data-files.ts';
import { freeBeside } from './files.ts';
import { requireNotLost } from './lost.ts';

export const MIGRATIONS: readonly string[] = [
  `
  -- Strings that come again and again (types, refs, apps, rules), so that rows hold small numbers.
  CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

  -- seq is given by the store and never twice: whoever removes old events keeps the newest one.
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

  -- (rule, seq, replay) stands for (rule, event id, replay): of the seqs of one id a rule runs one, since lanes ask
  -- before they run a twin.
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

  -- How many of a rule's runs ended how: counting the records would read them all.
  CREATE TABLE tally (
    rule INTEGER PRIMARY KEY,
    settled INTEGER NOT NULL,
    filtered INTEGER NOT NULL,
    parked INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    last_outcome INTEGER NOT NULL
  ) STRICT;

  -- Runs that have begun and are neither settled nor given up: in hand, in backoff or parked.
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

  -- Ids are what people type: never given twice.
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
  `,
  `
  -- What is accounted for of an item's revisions (core/ledger.ts); lists as JSON, NULL where empty.
  CREATE TABLE ledger (
    item INTEGER PRIMARY KEY,
    up_to INTEGER,
    above TEXT,
    missing TEXT
  ) STRICT;
  -- Events that wait for missing revisions, in the order of their arrival, as JSON.
  CREATE TABLE held (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    item INTEGER NOT NULL,
    event TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  -- Items whose ledger has revisions missing that nothing waits for any more.
  CREATE TABLE gap (
    item INTEGER PRIMARY KEY,
    app INTEGER NOT NULL,
    why TEXT NOT NULL,
    since INTEGER NOT NULL,
    due INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE completeness (
    app INTEGER PRIMARY KEY,
    delivered INTEGER NOT NULL,
    recovered INTEGER NOT NULL,
    own INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE unprovable (
    app INTEGER NOT NULL,
    why TEXT NOT NULL,
    count INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (app, why)
  ) STRICT, WITHOUT ROWID;

  -- When the rule was first loaded; 0: before this was kept.
  ALTER TABLE lane ADD COLUMN loaded_at INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- Runs of entries up to here may be in hand; 0 after a clean end.
  ALTER TABLE lane ADD COLUMN reach INTEGER NOT NULL DEFAULT 0;

  -- Runs that were started under suspicion. epoch: the lane's while it is in hand, else 0. ends: how often the process
  -- ended while it was alone in hand.
  CREATE TABLE start_mark (
    rule INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    replay INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    alone INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    PRIMARY KEY (rule, seq, replay)
  ) STRICT, WITHOUT ROWID;

  -- What operators asked to be run again. Rows stay: how many of a rule cover an event numbers its replays.
  CREATE TABLE replay (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    -- Everything up to here has been run; at or above last: all of it.
    cursor INTEGER NOT NULL,
    asked_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX replay_rule ON replay (rule);

  -- How often a rule's parked runs were asked for together. A halted rule takes that as the word to go on.
  CREATE TABLE retry_all (rule INTEGER PRIMARY KEY, times INTEGER NOT NULL) STRICT;
  `,
  `
  -- Every event paid for these; who lists by app or type can walk the events.
  DROP INDEX event_app;
  DROP INDEX event_type;
  DROP INDEX event_ref;
  `,
  `
  -- What retention has removed. Above removed_to there are no holes but those of a restore.
  CREATE TABLE retention (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    removed_to INTEGER NOT NULL,
    events INTEGER NOT NULL,
    last_at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- What operators have paused; kind: rule or plugin. Names are what they typed: few, and not worth a number.
  CREATE TABLE pause (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;
  -- The step's plugin: times stand still while it is paused. NULL: before this was kept, or the trigger's condition.
  ALTER TABLE tries ADD COLUMN plugin TEXT;
  `,
  `
  -- Events that wait to be run together (core/gather.ts). place: in which order groups became complete; NULL: events may
  -- join. A complete group is run under its last event.
  CREATE TABLE gathering (
    id INTEGER PRIMARY KEY,
    rule INTEGER NOT NULL,
    name TEXT NOT NULL,
    mode TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    due INTEGER,
    place INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX gathering_open ON gathering (rule, name) WHERE place IS NULL;
  CREATE INDEX gathering_due ON gathering (rule, due) WHERE place IS NULL;
  CREATE INDEX gathering_closed ON gathering (rule, place) WHERE place IS NOT NULL;
  CREATE INDEX gathering_name ON gathering (rule, name) WHERE place IS NOT NULL;
  CREATE INDEX gathering_lead ON gathering (rule, last);
  CREATE TABLE gathered (
    rule INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    gathering INTEGER NOT NULL REFERENCES gathering ON DELETE CASCADE,
    PRIMARY KEY (rule, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX gathered_together ON gathered (gathering, seq);

  -- When runs of rules that may begin so many within a time have begun.
  CREATE TABLE admitted (
    id INTEGER PRIMARY KEY,
    rule INTEGER NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX admitted_rule ON admitted (rule, at);
  `,
  `
  -- Rules by themselves, so that one can be given another name with all that is kept of it. Columns called rule lead here.
  -- key: what stands for it where its name must not change: in identities of events and of what is kept of it.
  CREATE TABLE rule (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE) STRICT;
  INSERT INTO rule (id, text, key) SELECT id, text, text FROM name WHERE id IN (
    SELECT rule FROM lane UNION SELECT rule FROM tally UNION SELECT rule FROM open_run UNION SELECT rule FROM parked
    UNION SELECT rule FROM start_mark UNION SELECT rule FROM replay UNION SELECT rule FROM retry_all);
  `,
  `
  -- Items that a read has proved deleted, as long as no delivery tells of it.
  CREATE TABLE deletion (item INTEGER PRIMARY KEY, app INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE INDEX deletion_app ON deletion (app, at);
  `,
  `
  -- What is to be looked at later. rule: its key, which stays when it is renamed. due: NULL for what is only kept in mind.
  CREATE TABLE timer (
    rule TEXT NOT NULL,
    key TEXT NOT NULL,
    due INTEGER,
    stamp INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (rule, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX timer_due ON timer (due, stamp) WHERE due IS NOT NULL;
  CREATE INDEX timer_rule_due ON timer (rule, due);
  `,
  `
  -- Branches of a run are parked by themselves; branch is '' for the run as a whole.
  CREATE TABLE parked_branches (
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
    UNIQUE (rule, seq, replay, branch)
  ) STRICT;
  -- A run that was parked in a branch before this was parked as a whole.
  INSERT INTO parked_branches SELECT id, rule, seq, replay, step, '', attempts, error, parked_at, requested FROM parked;
  DELETE FROM sqlite_sequence WHERE name = 'parked_branches';
  INSERT INTO sqlite_sequence (name, seq) SELECT 'parked_branches', seq FROM sqlite_sequence WHERE name = 'parked';
  DROP TABLE parked;
  ALTER TABLE parked_branches RENAME TO parked;
  CREATE INDEX parked_rule ON parked (rule);
  CREATE INDEX parked_requested ON parked (rule) WHERE requested = 1;
  -- 1: a message of the run came out at its end, whatever is parked of it.
  ALTER TABLE open_run ADD COLUMN passed INTEGER NOT NULL DEFAULT 0;
  `,
  `
  -- What podiod made at Podio itself, by the identity of the event that tells of it. rule: a name, for people.
  CREATE TABLE own (
    id TEXT PRIMARY KEY,
    item INTEGER,
    depth INTEGER NOT NULL,
    rule TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX own_at ON own (at);
  `,
  `
  -- What has decided that the event is to wait, as the steps of a run; NULL: nothing was looked at.
  ALTER TABLE gathered ADD COLUMN judged TEXT;
  `,
  `
  -- The newest event when the rule left the config; NULL: it is there. Of one that left before this was kept that is not known: what
  -- had begun waits for it, and nothing else.
  ALTER TABLE lane ADD COLUMN left_at INTEGER;
  UPDATE lane SET left_at = cursor;
  -- Of a lane that has ended cleanly: how far it had looked, and the newest of that which waits for it.
  ALTER TABLE lane ADD COLUMN looked_to INTEGER;
  ALTER TABLE lane ADD COLUMN open_to INTEGER;
  -- What waits in the journal for a rule that has left.
  CREATE VIEW owed AS
    SELECT rule, cursor, coalesce(open_to, left_at) AS last FROM lane WHERE left_at IS NOT NULL
    UNION ALL SELECT rule, max(cursor, looked_to) AS cursor, left_at AS last FROM lane WHERE left_at IS NOT NULL AND looked_to IS NOT NULL;
  `,
];

/**
 * How much log gathers before it is moved into the database. Nothing is written meanwhile, so that at 2,000 deliveries a second more
 * than one in a hundred waited for it with a third of this. 48 MB on the disk, of pages that mostly change again and again.
 */
const CHECKPOINT_PAGES = { least: 1000, most: 12_000 };
const PAGE_BYTES = 4096;
/** A full disk moves nothing any more, so on a small one the log must not be what fills it: its part of the room there is. */
const LOG_SHARE = 1 / 10;

export function checkpointPages(room: number): number {
  const { least, most } = CHECKPOINT_PAGES;
  return Math.max(least, Math.min(most, Math.floor((room * LOG_SHARE) / PAGE_BYTES)));
}

/** The log's own bytes are room for it, too. A file system that does not tell is no reason not to start. */
function roomForLog(path: string): number {
  try {
    return freeBeside(path) + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** A log that a long read has made larger than this is cut once it was moved; bytes. */
const MAX_IDLE_LOG = 64 * 1024 * 1024;
/** The system's own cache holds the rest. */
const CACHE_KIB = 4 * 1024;

export const pragma = (db: DatabaseSync, name: string): number =>
  Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);

/**
 * Opens the database for writing, bringing it to the newest form. Throws STORE_CORRUPT for a file that is not podiod's
 * and STORE_VERSION for one of a newer podiod, before anything is written to it.
 */
export function openForWriting(
  path: string,
  /** Called before a database with something in it is changed: the form it has, and the one that it will have. */
  beforeUpgrade: (db: DatabaseSync, from: number, to: number) => void = () => {},
  room: (path: string) => number = roomForLog,
): DatabaseSync {
  requireNotLost(path);
  const db = new DatabaseSync(path, { timeout: 5000 });
  try {
    const version = knownVersion(db, path);
    // Of a file without tables only. An older file keeps its size, and what becomes free in it is used again.
    if (version === 0) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA wal_autocheckpoint = ${checkpointPages(room(path))};
      PRAGMA journal_size_limit = ${MAX_IDLE_LOG};
      PRAGMA cache_size = -${CACHE_KIB};
    `);
    if (version < MIGRATIONS.length) {
      if (version > 0) beforeUpgrade(db, version, MIGRATIONS.length);
      // All or nothing: the file has the form that it had, or the newest.
      db.exec(`
        BEGIN IMMEDIATE;
        ${MIGRATIONS.slice(version).join('')}
        PRAGMA application_id = ${APPLICATION_ID};
        PRAGMA user_version = ${MIGRATIONS.length};
        COMMIT;
      `);
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Opens the database for reading. Refuses what writing refuses, and with STORE_UNAVAILABLE one of an older form. */
export function openForReading(path: string): DatabaseSync {
  requireNotLost(path);
  // Not SQLite's read-only mode: that can't read a database whose log is gone or was left behind by a crash.
  const db = new DatabaseSync(path, { timeout: 5000 });
  try {
    db.exec('PRAGMA query_only = ON');
    // As of one moment: the daemon may be making its tables just now.
    db.exec('BEGIN');
    const version = knownVersion(db, path);
    db.exec('COMMIT');
    if (version === 0) {
      throw new StoreError('STORE_UNAVAILABLE', `${path} is empty: no podiod has started with it yet`, {
        hint: 'Start podiod with this dataDir first.',
      });
    }
    if (version < MIGRATIONS.length) {
      throw new StoreError(
        'STORE_UNAVAILABLE',
        `${path} has form ${version}, older than the ${MIGRATIONS.length} of this podiod; its next start brings it up to date`,
      );
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The form that the file has; 0 for an empty one. */
function knownVersion(db: DatabaseSync, path: string): number {
  const version = pragma(db, 'user_version');
  const ours = pragma(db, 'application_id') === APPLICATION_ID;
  const empty = version === 0 && db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  if (!ours && !empty) throw notOurs(path);
  if (version > MIGRATIONS.length) {
    throw new StoreError(
      'STORE_VERSION',
      `${path} has form ${version} of a newer podiod; this one knows ${MIGRATIONS.length}`,
    );
  }
  return version;
}

const notOurs = (path: string): StoreError =>
  new StoreError('STORE_CORRUPT', `${path} is a database, but not one of podiod’s`);
