/** A test of rules, as the config has it: what there is, what happens, and what is to come of it. */

/** An item as people write one: fields by alias or external id, with values as people read them. */
export interface WrittenItem {
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly externalId?: string | undefined;
  /** Who makes the change: the name of a person. */
  readonly by?: string | undefined;
}

export type Deed =
  | ({ readonly kind: 'create'; readonly app: string; readonly as?: string | undefined } & WrittenItem)
  | ({ readonly kind: 'update'; readonly item: string } & WrittenItem)
  | { readonly kind: 'delete'; readonly item: string; readonly by?: string | undefined }
  | {
      readonly kind: 'comment';
      readonly item: string;
      readonly text: string;
      readonly by?: string | undefined;
    }
  | {
      readonly kind: 'file';
      readonly item: string;
      readonly name: string;
      readonly mimetype?: string | undefined;
      readonly by?: string | undefined;
    }
  | { readonly kind: 'task'; readonly item: string; readonly text: string; readonly by?: string | undefined }
  /** Time passes. */
  | { readonly kind: 'after'; readonly ms: number }
  /** Time passes until then, as written. */
  | { readonly kind: 'at'; readonly time: string }
  /** Time passes until a rule's schedule is due. */
  | { readonly kind: 'tick'; readonly rule: string }
  | { readonly kind: 'fire'; readonly rule: string; readonly item: string }
  /** A saved delivery: a form body, or its parameters. */
  | {
      readonly kind: 'deliver';
      readonly params: string | Readonly<Record<string, string | number>>;
      readonly app?: string | undefined;
      readonly space?: string | undefined;
    };

/** What a server is to answer; the first whose `url` (with `*` for anything) and `method` fit. */
export interface HttpAnswer {
  readonly url: string;
  readonly method?: string | undefined;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly json?: unknown;
  readonly body?: string | undefined;
}

/** Compared as `matchPart` does: maps in part, lists as wholes. */
export type Part = unknown;

export interface StepExpectation {
  readonly outcome?: string | undefined;
  /** The data that it begins with, by the names of the steps before. */
  readonly gets?: Part;
  /** What it adds to the data. */
  readonly gives?: Part;
  readonly sends?: Part | readonly Part[];
  /** What it says that it would do. */
  readonly says?: Part;
  readonly error?: string | undefined;
}

export interface RuleExpectation {
  /** How many runs came to their end without being filtered out; true: at least one. */
  readonly fires?: boolean | number | undefined;
  /** Why it did not: words of the sentence, of a check or of a step. */
  readonly why?: string | undefined;
  /** By name; a list for a step that ran several times. */
  readonly steps?: Readonly<Record<string, StepExpectation | readonly StepExpectation[]>> | undefined;
  /** By all its steps together, in order. */
  readonly sends?: readonly Part[] | undefined;
  readonly error?: string | undefined;
}

export interface RuleTest {
  readonly name: string;
  /** Where it stands. */
  readonly file: string;
  readonly line: number;
  /** The rule it was written in. */
  readonly rule?: string | undefined;
  /** As written: when it begins. */
  readonly now?: string | undefined;
  readonly timezone?: string | undefined;
  /** By the name that the test gives them. */
  readonly given: Readonly<Record<string, { readonly app: string } & WrittenItem>>;
  readonly when: readonly Deed[];
  readonly answers: readonly HttpAnswer[];
  /** By rule. */
  readonly expect: Readonly<Record<string, RuleExpectation>>;
  /** Exactly these rules, and no others. */
  readonly fires?: readonly string[] | undefined;
}
