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

export interface Judgement {
  readonly holds: boolean;
  /** Of every test that was looked at. What costs no call is looked at first, and may decide. */
  readonly checks: readonly Check[];
}

/** A compiled condition, as rules and steps carry it. */
export interface RuleCondition {
  /**
   * Decides for the message that `view` (the language's View) shows. Rejects when something that is needed can't be read
   * now.
   */
  judge(view: object): Promise<Judgement>;
}
