/** What a step would have done to the world outside, where that is captured and not done. */

/**
 * One thing that would have gone out. Its first key says which way: `podio` (the call, such as `items.create`), `http` (the
 * method), or a name that the plugin has for it (`mail`, `line`).
 */
export type Sending = Readonly<Record<string, unknown>>;

export interface Would {
  /** In the plugin's own words, where it has some: its describe(). */
  readonly text?: string;
  /** In order. */
  readonly sends?: readonly Sending[];
  /** The plugin was not run, since it does not say that all it does goes through its context. */
  readonly notRun?: true;
}

/** For people, one line: `POST https://erp.example.com/orders {"no":1}`. */
export function showSending(sending: Sending): string {
  const { http, url, podio, body, headers: _, ...rest } = sending;
  const said = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  const end = body === undefined ? '' : ` ${said(body)}`;
  if (http !== undefined) return `${http} ${url}${end}`;
  const more = Object.entries(rest).map(([name, value]) => `${name} ${said(value)}`);
  return `${[...(podio === undefined ? [] : [String(podio)]), ...more].join(' ')}${end}`;
}

/** The lines that tell people of it; one at least. */
export function showWould({ text, sends = [], notRun }: Would): readonly string[] {
  if (text !== undefined) return text.split('\n');
  if (notRun) return ['not run: its plugin neither describes what it would do nor says `effects: context`'];
  return sends.length > 0 ? sends.map(showSending) : ['sends nothing'];
}

const MOST_SENDS = 20;
const MOST_TEXT = 2000;
const MOST_DEPTH = 8;
/** Of everything that one step has to say, as JSON. */
const MOST_BYTES = 16 * 1024;

/**
 * As much of it as is kept with a run, every text in it through `mask`: a rule in shadow sees every event, and what it would
 * send may be long.
 */
export function kept({ text, sends, notRun }: Would, mask: (text: string) => string): Would {
  const shortened = (said: string): string => {
    const masked = mask(said);
    return masked.length > MOST_TEXT ? `${masked.slice(0, MOST_TEXT)}...` : masked;
  };
  const clean = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return shortened(value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth === 0) return '...';
    return Array.isArray(value)
      ? value.slice(0, 100).map(one => clean(one, depth - 1))
      : Object.fromEntries(Object.entries(value).map(([name, held]) => [name, clean(held, depth - 1)]));
  };
  let left = MOST_BYTES;
  const fitting: Sending[] = [];
  for (const sending of sends?.slice(0, MOST_SENDS) ?? []) {
    const cleaned = clean(sending, MOST_DEPTH) as Sending;
    left -= Buffer.byteLength(JSON.stringify(cleaned));
    if (left < 0) break;
    fitting.push(cleaned);
  }
  const lost = (sends?.length ?? 0) - fitting.length;
  return {
    ...(text !== undefined && { text: shortened(text) }),
    ...(sends && { sends: lost > 0 ? [...fitting, { more: lost }] : fitting }),
    ...(notRun && { notRun }),
  };
}
