/** One line of the table: a figure of podiod, its reference in the same rounds, and what is wanted. */
import { type Spread, spreadOf } from './stats.ts';

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly podiod: Spread;
  readonly reference?: { readonly name: string; readonly value: Spread };
  /** podiod over reference, round by round. */
  readonly ratio?: Spread;
  /** What the target is about: the ratio where there is a reference, else the value; `least` and `most` say which way. */
  readonly target?: { readonly least: number } | { readonly most: number };
  readonly met?: boolean;
  readonly note?: string;
}

export interface Measured {
  readonly name: string;
  readonly unit: string;
  /** One a round. */
  readonly podiod: readonly number[];
  readonly reference?: { readonly name: string; readonly values: readonly number[] };
  readonly target?: Figure['target'];
  readonly note?: string;
}

export function figureOf({ name, unit, podiod, reference, target, note }: Measured): Figure {
  const ratio = reference && spreadOf(podiod.map((value, i) => value / (reference.values[i] ?? Number.NaN)));
  const value = spreadOf(podiod);
  const judged = (ratio ?? value).median;
  return {
    name,
    unit,
    podiod: value,
    ...(reference && { reference: { name: reference.name, value: spreadOf(reference.values) } }),
    ...(ratio && { ratio }),
    ...(target && { target, met: 'least' in target ? judged >= target.least : judged <= target.most }),
    ...(note && { note }),
  };
}

const number = (value: number): string => {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
};

const spread = ({ median, min, max }: Spread): string =>
  min === max ? number(median) : `${number(median)} (${number(min)}..${number(max)})`;

/** A Markdown table, so that it can be kept as it is printed. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, unit, podiod, reference, ratio, target, met, note }) => [
    name,
    `${spread(podiod)} ${unit}`,
    reference ? `${reference.name} ${spread(reference.value)}` : '',
    ratio ? spread(ratio) : '',
    target ? ('least' in target ? `>= ${target.least}` : `<= ${target.most}`) : '',
    met === undefined ? '' : met ? 'yes' : '**no**',
    note ?? '',
  ]);
  const head = ['figure', 'podiod', 'reference', 'ratio', 'wanted', 'met', 'note'];
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}
