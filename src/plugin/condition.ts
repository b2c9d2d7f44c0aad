import { type ZodType, z } from 'zod';
import type { Judgement } from '../core/condition.ts';
import { judge } from '../language/condition/judge.ts';
import { type Condition, parseCondition } from '../language/condition/parse.ts';
import type { View } from '../language/names.ts';

export type { Condition } from '../language/condition/parse.ts';

/** A condition as an option has it. */
export interface ConditionOption {
  /** As it was read: for plugins that turn it into something else, such as Podio's filters. */
  readonly condition: Condition;
  /** Decides for the message that the view shows. Rejects when something that is needed can't be read now. */
  judge(view: View): Promise<Judgement>;
}

/** A condition as `where` takes one. What can never hold is a problem of the config with its place. */
export const conditionOption = (): ZodType<ConditionOption, object> =>
  z.record(z.string(), z.unknown()).transform((written, context): ConditionOption => {
    const condition = parseCondition(written, ({ path, message, hint }) =>
      context.issues.push({
        code: 'custom',
        message: hint === undefined ? message : `${message}. ${hint}`,
        path: [...path],
        input: written,
      }),
    );
    const parsed = condition ?? { kind: 'all', of: [] };
    return { condition: parsed, judge: view => judge(parsed, view) };
  });
