/** Shows problems to people and to programs. Secrets in the lines that are shown are masked, whatever they stand in. */
import { relative } from 'node:path';
import { styleText } from 'node:util';
import type { Diagnostic, Place } from '../core/diagnostic.ts';
import type { Sources } from './include.ts';
import { type Masked, maskSecrets } from './mask.ts';

export interface RenderOptions {
  /** Files below it are shown relative to it. */
  readonly cwd: string;
  readonly color?: boolean;
  /** Columns for a line of source. Default 100. */
  readonly width?: number;
}

/** All problems, one block each, with an empty line between them. Ends without a newline; '' when there are none. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: Sources,
  options: RenderOptions,
): string {
  const masked = makeMasker(sources);
  return diagnostics.map(diagnostic => renderOne(diagnostic, sources, options, masked)).join('\n\n');
}

type Masker = (file: string) => Masked | undefined;

/** A large config may have hundreds of problems, and a mask needs all of its text: it is made once. */
function makeMasker({ texts, secrets }: Sources): Masker {
  const made = new Map<string, Masked>();
  return file => {
    const text = texts.get(file);
    if (text === undefined) return undefined;
    const masked = made.get(file) ?? maskSecrets(text, secrets);
    made.set(file, masked);
    return masked;
  };
}

type Style = Parameters<typeof styleText>[0];

/**
 * ```text
 * podiorc.yml:3:3: error: unknown key `prot` in `server` [CONFIG_UNKNOWN_KEY]
 *   3 |   prot: 8080
 *     |   ^^^^
 *   hint: did you mean `port`?
 * ```
 */
function renderOne(diagnostic: Diagnostic, sources: Sources, options: RenderOptions, masked: Masker): string {
  // validateStream would look at stdout, while the caller knows where this goes.
  const paint = (style: Style, text: string) =>
    options.color ? styleText(style, text, { validateStream: false }) : text;
  const { severity, code, message, hint, place, related, isBrief } = diagnostic;
  const mark = severity === 'error' ? 'red' : 'yellow';
  const where = place ? `${position(place, sources, options)}: ` : '';
  const lines = [
    `${paint('bold', where)}${paint([mark, 'bold'], severity)}: ${message} ${paint('dim', `[${code}]`)}`,
  ];
  const frame = (at: Place, style: Style) => lines.push(...renderFrame(at, masked, options, paint, style));
  if (place && !isBrief) frame(place, mark);
  if (related) {
    lines.push(`  ${related.message}: ${position(related.place, sources, options)}`);
    frame(related.place, 'cyan');
  }
  if (hint !== undefined) lines.push(`  ${paint('bold', 'hint')}: ${hint}`);
  return lines.join('\n');
}

function position(place: Place, sources: Sources, { cwd }: RenderOptions): string {
  const path = relative(cwd, place.file);
  const shown = path === '' || path.startsWith('..') ? place.file : path;
  const text = sources.texts.get(place.file);
  if (text === undefined) return shown;
  const { line, column } = lineColumn(text, place.start);
  return `${shown}:${line}:${column}`;
}

/** Lines and columns count from 1. */
export function lineColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}

function renderFrame(
  place: Place,
  maskedOf: Masker,
  { width = 100 }: RenderOptions,
  paint: (style: Style, text: string) => string,
  style: Style,
): string[] {
  // A place without extent says "this file".
  const masked = place.start === place.end ? undefined : maskedOf(place.file);
  if (masked === undefined) return [];
  const { line } = lineColumn(masked.text, masked.move(place.start));
  const source = (masked.text.split('\n')[line - 1] ?? '').replace(/\r$/, '').replaceAll('\t', ' ');
  const lineStart =
    masked.text
      .split('\n')
      .slice(0, line - 1)
      .join('\n').length + (line > 1 ? 1 : 0);
  const start = masked.move(place.start) - lineStart;
  const end = Math.min(
    Math.max(masked.move(place.end) - lineStart, start + 1),
    Math.max(source.length, start + 1),
  );
  const cut = cutLine(source, start, end, width);
  const gutter = ' '.repeat(String(line).length);
  return [
    `  ${paint('dim', `${line} |`)} ${cut.text}`,
    `  ${paint('dim', `${gutter} |`)} ${' '.repeat(cut.start)}${paint(style, '^'.repeat(cut.end - cut.start))}`,
  ];
}

/** Keeps what is pointed at, and as much around it as fits. */
function cutLine(source: string, start: number, end: number, width: number) {
  if (source.length <= width) return { text: source, start, end };
  const from = Math.max(0, Math.min(start - Math.floor(width / 3), source.length - width));
  const to = Math.min(source.length, from + width);
  const text = `${from > 0 ? '…' : ''}${source.slice(from > 0 ? from + 1 : 0, to < source.length ? to - 1 : to)}${
    to < source.length ? '…' : ''
  }`;
  return { text, start: start - from, end: Math.min(end, to) - from };
}

/** One entry of `check --json`. Lines and columns count from 1, the end is behind the last character. */
export interface JsonProblem {
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  readonly endLine: number | null;
  readonly endColumn: number | null;
  readonly severity: Diagnostic['severity'];
  readonly code: string;
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint: string | null;
}

/** The answer of `check --json`. `ok`: no error; warnings may be among the problems. */
export function diagnosticsToJson(
  diagnostics: readonly Diagnostic[],
  sources: Sources,
): { readonly ok: boolean; readonly problems: readonly JsonProblem[] } {
  const problems = diagnostics.map(({ severity, code, message, hint, place, path, related }): JsonProblem => {
    const text = place && sources.texts.get(place.file);
    const start = place && text !== undefined ? lineColumn(text, place.start) : undefined;
    const end = place && text !== undefined ? lineColumn(text, place.end) : undefined;
    return {
      file: place?.file ?? null,
      line: start?.line ?? null,
      column: start?.column ?? null,
      endLine: end?.line ?? null,
      endColumn: end?.column ?? null,
      severity,
      code,
      path: path ?? [],
      message,
      hint: related
        ? [...(hint === undefined ? [] : [hint]), elsewhere(related, sources)].join('; ')
        : (hint ?? null),
    };
  });
  return { ok: diagnostics.every(({ severity }) => severity !== 'error'), problems };
}

/** People are shown the second place in a frame of its own. */
function elsewhere({ message, place }: Required<Diagnostic>['related'], { texts }: Sources): string {
  const { line, column } = lineColumn(texts.get(place.file) ?? '', place.start);
  return `${message}: ${place.file}:${line}:${column}`;
}
