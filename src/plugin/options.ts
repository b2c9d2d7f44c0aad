/** Schemas for options that many plugins have. Their marks (`meta`) tell the config how to treat the value. */
import { type ZodType, z } from 'zod';
import { parseSize, SIZE } from '../core/units.ts';
import { compileTemplate, issueOf, problemOf } from './template.ts';

/** A file or folder. The config makes it absolute, relative to the file it stands in. */
export const pathOption = (): ZodType<string, string> => z.string().min(1).meta({ format: 'path' });

/** The name of a field: alias, external id or field id. Looked up in the catalog, in the apps that the rule is about. */
export const fieldOption = (): ZodType<string | number, string | number> =>
  z.union([z.string().min(1), z.int().positive()]).meta({ format: 'field' });

/** Values that the field of {@link fieldOption} is compared with: what it was, or what it has become. */
export const fieldValuesOption = <Schema extends ZodType>(schema: Schema, use: 'from' | 'to'): Schema =>
  schema.meta({ format: use === 'from' ? 'values-before' : 'values-after' });
/** An app: its name in the config, which has to be there, or its id. */
export const appOption = (): ZodType<string | number, string | number> =>
  z.union([z.string().min(1), z.int().positive()]).meta({ format: 'app' });

/** The name of a login in the config, which has to be there: who makes calls, see `context.podio.as`. */
export const loginOption = (): ZodType<string, string> => z.string().min(1).meta({ format: 'login' });

/** A text that no log, frame or error may show. */
export const secretOption = <Schema extends ZodType<string, string>>(schema: Schema): Schema =>
  schema.meta({ secret: true });

/** `512b`, `64kb`, `10mb`, `2gb`: bytes. */
export const sizeOption = (): ZodType<number, string> =>
  z.string().regex(SIZE, 'must be a size with a unit, such as 64kb, 10mb or 1gb').transform(parseSize);

/** A Liquid template; wrong ones are problems of the config. Compile it in setup with `compileTemplate`. */
export const templateOption = (): ZodType<string, string> =>
  z.string().superRefine((text, check) => {
    try {
      compileTemplate(text);
    } catch (error) {
      check.addIssue({ code: 'custom', ...issueOf(error), input: text });
    }
  });

/** What is wrong with a template, for schemas of more complicated shape; undefined: nothing. */
export function templateProblem(text: string): string | undefined {
  try {
    compileTemplate(text);
    return undefined;
  } catch (error) {
    return problemOf(error);
  }
}
