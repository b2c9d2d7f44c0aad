/** What is known of the rule that a template or a condition stands in, while it is checked or set up. */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface FieldProblem {
  readonly message: string;
  readonly hint?: string | undefined;
}

export interface Surroundings {
  /** Names beside the usual ones: what a `split` before calls its elements. */
  readonly names: ReadonlySet<string>;
  /** What is wrong with the name of a field, or with what is asked of its value. Undefined: nothing, as far as anything is known. */
  fieldProblem(name: string, parts: readonly unknown[]): FieldProblem | undefined;
  /** The same of a name in `data`, which steps before must have added. Left out: nothing is known of them. */
  dataProblem?(name: string, parts: readonly unknown[]): FieldProblem | undefined;
  /** Told what a text hardly means, though it may. */
  remark?(text: string, remark: FieldProblem): void;
  /** A value that stands in place of one that is missing here: nothing can be wrong with it. */
  isStandIn?(value: unknown): boolean;
}

const NOWHERE: Surroundings = { names: new Set(), fieldProblem: () => undefined };
const here = new AsyncLocalStorage<Surroundings>();

export const surroundings = (): Surroundings => here.getStore() ?? NOWHERE;

/** Does `work`, in which templates and conditions may name what its surroundings know. */
export const within = <T>(known: Surroundings, work: () => T): T => here.run(known, work);
