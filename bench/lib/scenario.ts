import type { Figure } from './report.ts';

export interface Settings {
  readonly rounds: number;
  /** Of load in each round. */
  readonly seconds: number;
  /** Root of the checkout whose built daemon is measured. */
  readonly checkout: string;
  progress(text: string): void;
}

export interface Scenario {
  readonly name: string;
  /** What it measures, one line. */
  readonly about: string;
  run(settings: Settings): Promise<readonly Figure[]>;
}
