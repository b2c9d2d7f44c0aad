/** News of the daemon itself: what they are called, and the events that tell of them. Pure. */
import type { NewEvent, PodioEvent } from './event.ts';

/** By name, what is wrong while it lasts. */
export const ALARMS = {
  parked: 'runs of a rule gave up and wait for a person',
  halted: 'a rule does not run: it halted, or a plugin of it can not be set up',
  silence: 'nothing came for a rule for longer than its `expect` says',
  'plugin-down': 'a plugin keeps failing and is held back',
  'hook-down': 'a hook that rules need is inactive or missing at Podio',
  degraded: 'the hooks of an app, field or space can not be kept right',
  'podio-down': 'Podio as a whole does not answer',
  budget: "an identity's calls to Podio are used up",
  disk: 'there is little room left where `dataDir` is',
  size: 'the database is larger than `retention.size`, and nothing more may go',
  cleanup: 'old things can not be removed',
  config: 'a config that was to be taken was not, and the one before goes on',
} as const;

export type AlarmName = keyof typeof ALARMS;

export const ALARM_NAMES = Object.keys(ALARMS) as readonly AlarmName[];

const PREFIX = 'podiod.';

/** `podiod.parked` */
export const alarmType = (name: string): string => `${PREFIX}${name}`;

export const ALARM_TYPES: readonly string[] = ALARM_NAMES.map(alarmType);

/** Something that is wrong. One outage is one thing that is wrong of one subject, from its beginning to its end. */
export interface Outage {
  readonly alarm: AlarmName;
  /** What it is about: a rule, a plugin, a ref, an identity; '' for podiod as a whole. */
  readonly subject: string;
  /** The rule it is about, where it is about one. */
  readonly rule?: string;
  /** How many of what it is about: parked runs, hooks. */
  readonly count: number;
  /** When it began, UTC milliseconds, where that is known. */
  readonly since?: number;
  /** In plain words, for people. */
  readonly text: string;
  /** What has to be known to say that it is over, where that is less than all of its subject. */
  readonly of?: readonly string[];
}

export interface RaisedAlarm extends Outage {
  readonly since: number;
  /** When it was raised, UTC milliseconds: what tells this outage from another one of the same subject. */
  readonly raisedAt: number;
}

/** `parked/won-leads`, `disk`: tells outages that last at the same time apart. */
export const alarmKey = ({ alarm, subject }: Pick<Outage, 'alarm' | 'subject'>): string =>
  subject === '' ? alarm : `${alarm}/${subject}`;

/** The event that an alarm is raised, or is over with `text`. Its identity is the outage's: it can be told again safely. */
export function alarmEvent(alarm: RaisedAlarm, state: 'raised' | 'cleared', text = alarm.text): NewEvent {
  const key = alarmKey(alarm);
  const type = alarmType(alarm.alarm);
  const since = new Date(alarm.since).toISOString();
  return {
    id: `${type}:${alarm.subject}:${new Date(alarm.raisedAt).toISOString()}:${state}`,
    type,
    source: 'daemon',
    ref: { type: 'daemon', id: key },
    params: {
      alarm: alarm.alarm,
      state,
      subject: alarm.subject,
      ...(alarm.rule !== undefined && { rule: alarm.rule }),
      count: String(alarm.count),
      since,
      text,
    },
  };
}

/** What templates and conditions know as `alarm`. Empty for an event that is none. */
export function alarmOf({
  type,
  ref,
  params,
}: Pick<PodioEvent, 'type' | 'ref' | 'params'>): Readonly<Record<string, unknown>> {
  if (ref.type !== 'daemon' || !type.startsWith(PREFIX)) return {};
  const { alarm, state, subject, rule, count, since, text } = params;
  return {
    name: alarm,
    state,
    subject,
    ...(rule !== undefined && { rule }),
    count: Number(count),
    ...(since !== undefined && { since: new Date(since) }),
    text,
  };
}
