/** Something that others write and podiod reads: what may come of it is what it should be, or an error that says what is wrong. */
import { isPodiodError } from '../../src/core/errors.ts';
import type { Seeds } from './mutate.ts';

export interface Target extends Seeds {
  readonly name: string;
  /** How many of so many hundred inputs are for this one. */
  readonly share: number;
  /** Throws where podiod did what it may not. */
  feed(input: string): void | Promise<void>;
  end?(): Promise<void>;
}

type Kind = (error: unknown) => boolean;

/** One of podiod's own, made for whoever reads it: a fault in podiod is none. */
export const told: Kind = error => isPodiodError(error) && error.code !== 'INTERNAL' && error.message !== '';

/** What a template says that can't be filled in, with its place in it: what a filter wants, say. Not a fault on the way. */
export const toldByTemplate: Kind = error =>
  told(error) ||
  (error instanceof Error &&
    error.name === 'RenderError' &&
    /line:\d+/.test(error.message) &&
    !('originalError' in error && error.originalError instanceof TypeError));

/** Of errors only this kind may be thrown. Answers undefined when one was. */
export function allow<T>(isRight: Kind, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isRight(error)) return undefined;
    throw error;
  }
}

export async function allowLater<T>(isRight: Kind, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isRight(error)) return undefined;
    throw error;
  }
}

export function must(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what);
}

/** As it is, where it is no JSON. */
export const json = (input: string): unknown => {
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
};
