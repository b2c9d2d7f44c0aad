/** Narrowing of parsed JSON, which can be anything. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const holdsNumber = <K extends string>(
  value: unknown,
  key: K,
): value is Record<string, unknown> & Record<K, number> => isRecord(value) && typeof value[key] === 'number';
