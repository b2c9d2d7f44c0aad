/** What rules that have left the config, or were disabled, have left waiting, and how people are told of it. */
export interface LeftRule {
  readonly rule: string;
  /** `enabled: false`; else it is not in the config. */
  readonly disabled?: true;
  /** Runs that have begun and not ended. */
  readonly begun: number;
  /** Events that wait to be run with others. */
  readonly gathered: number;
  /** Events from before it left that it had not come to, or of which no step had ended; which of them it wants only it could say. */
  readonly behind: number;
}

/** As the store tells of a rule's lane. */
interface Lane {
  readonly rule: string;
  readonly gathered?: number;
  readonly left?: Pick<LeftRule, 'begun' | 'behind'>;
}

/** Those of which something waits, parked runs left out of account. */
export const leftRules = (lanes: readonly Lane[], disabled: readonly string[]): readonly LeftRule[] =>
  lanes.flatMap(({ rule, gathered = 0, left }) => {
    if (left === undefined || left.begun + gathered + left.behind === 0) return [];
    const { begun, behind } = left;
    return [{ rule, ...(disabled.includes(rule) && { disabled: true }), begun, gathered, behind }];
  });

/** `2 runs begun, 3 events gathered, up to 40 more events` */
export function showLeft({ begun, gathered, behind }: LeftRule): string {
  return [
    ...(begun > 0 ? [`${count(begun, 'run')} begun`] : []),
    ...(gathered > 0 ? [`${count(gathered, 'event')} gathered`] : []),
    ...(behind > 0 ? [`up to ${count(behind, begun + gathered > 0 ? 'more event' : 'event')}`] : []),
  ].join(', ');
}

type Named = Pick<LeftRule, 'rule' | 'disabled'>;

export const howLeft = ({ disabled }: Pick<Named, 'disabled'>): string =>
  disabled ? 'is disabled' : 'is not in the config';

/** What to do about it. */
export const leftHint = ({ rule, disabled }: Named): string =>
  `${disabled ? 'With `enabled: true`' : `Back in the config, or as \`was: ${rule}\` of a rule with a new name,`} it goes on; podiod parked drop --rule ${rule} gives that up.`;

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
