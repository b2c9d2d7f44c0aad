import { coerceError, UsageError } from '../../core/errors.ts';
import { type Params, parseBody } from '../../ingress/parse.ts';

/** A JSON object, a list of them, or one delivery a line (form body or JSON). Lines that begin with # are remarks. */
export function deliveriesIn(text: string, file: string): readonly Params[] {
  const parts = partsOf(text.trim(), file);
  if (parts.length === 0)
    throw new UsageError(`there is no delivery in ${file}`, 'Save form bodies, one a line, or JSON.');
  return parts.map((part, n) => {
    try {
      return parseBody(part, part.startsWith('{') || part.startsWith('[') ? 'json' : 'form');
    } catch (error) {
      throw new UsageError(`delivery ${n + 1} in ${file}: ${coerceError(error).message}`);
    }
  });
}

function partsOf(text: string, file: string): readonly string[] {
  if (text.startsWith('[')) {
    try {
      return (JSON.parse(text) as unknown[]).map(entry => JSON.stringify(entry));
    } catch (error) {
      throw new UsageError(`${file} is not JSON: ${coerceError(error).message}`);
    }
  }
  if (text.startsWith('{') && isJson(text)) return [text];
  return text
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
