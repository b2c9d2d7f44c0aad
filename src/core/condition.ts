/** What a rule's conditions come to. How they are written and decided is in src/language. */

/** One test of a condition, and how it went. */
export interface Check {
  /** `fields.value` */
  readonly path: string;
  /** `gte 10000 EUR` */
  readonly test: string;
  /** What was there, shown for people and cut short; '' for nothing. */
  readonly seen: string;
  readonly holds: boolean;
}

/** As checks are kept: their keys would be half of it. */
export type CheckTuple = [path: string, test: string, seen: string, holds: 0 | 1];

export const packCheck = ({ path, test, seen, holds }: Check): CheckTuple => [
  path,
  test,
  seen,
  holds ? 1 : 0,
];

export const unpackCheck = ([path, test, seen, holds]: CheckTuple): Check => ({
  path,
  test,
  seen,
  holds: holds === 1,
});

export interface Judgement {
  readonly holds: boolean;
  /** Of every test that was looked at. What costs no call is looked at first, and may decide. */
  readonly checks: readonly Check[];
}

/** One test that must hold for the whole to hold. */
export interface CertainTest {
  /** `['fields', 'status']` */
  readonly path: readonly string[];
  readonly operator: string;
  /** What it is compared with; templates are filled in. A field stays a FieldView. */
  readonly value: unknown;
}

/** A condition that is asked of items which nothing has happened to, one after the other. */
export interface ItemWhere extends RuleCondition {
  /** What can be known of every item that fits, for whoever can be asked a part of the question. */
  readonly certain: readonly CertainTest[];
  /** All that is looked at, whether it must hold or not. */
  readonly paths: readonly (readonly string[])[];
}

/** A compiled condition, as rules and steps carry it. */
export interface RuleCondition {
  /** Fields that it names, as they are written there. */
  readonly fields?: readonly string[];
  /**
   * Decides for the message that `view` (the language's View) shows. Rejects when something that is needed can't be read
   * now.
   */
  judge(view: object): Promise<Judgement>;
}
