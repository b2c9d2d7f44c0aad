/** A stretch of a config file. Offsets are characters from 0, `end` excluded; lines are worked out where they are shown. */
export interface Place {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

/** One problem of a config, found by syntax, schema, plugin options or meaning alike. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  /** One of DIAGNOSTIC_CODES in config/codes.ts. Codes are API. */
  readonly code: string;
  /** What is wrong: what, given, wanted. One line. */
  readonly message: string;
  /** What to do next. */
  readonly hint?: string;
  /** Absent only where there is no file. */
  readonly place?: Place;
  /** The way to the value, e.g. `['rules', 'won-leads', 'on', 'app']`. */
  readonly path?: readonly (string | number)[];
  /** What somebody has chosen knows its place: people are told it in one line. */
  readonly isBrief?: boolean;
  /** A second place to show, e.g. where a name was given first. */
  readonly related?: { readonly place: Place; readonly message: string };
}
