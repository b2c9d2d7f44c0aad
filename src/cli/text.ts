/** Text on a terminal, measured in columns: titles hold wide characters and emoji. */
import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';

/** Columns that a text takes; escape codes take none. */
export const columns = (text: string): number => stringWidth(text);

/** Text of others (item titles, error messages): one line, in which nothing moves the cursor or turns the direction. */
export function plain(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '');
}

const characters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Cuts at `width` columns, with an ellipsis where something is left out. For text without escape codes. */
export function clip(text: string, width: number): string {
  if (columns(text) <= width) return text;
  let kept = '';
  let room = width - 1;
  for (const { segment } of characters.segment(text)) {
    room -= columns(segment);
    if (room < 0) break;
    kept += segment;
  }
  return width < 1 ? '' : `${kept.trimEnd()}…`;
}

/** Fills up with spaces to `width` columns. */
export const pad = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(width - columns(text), 0));

/** Breaks at spaces; a word that is wider than a line is broken where the line ends. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/ +/).flatMap(word => pieces(word, width))) {
    if (line === '') line = word;
    else if (columns(line) + 1 + columns(word) <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

function pieces(word: string, width: number): string[] {
  if (columns(word) <= width) return [word];
  const cut: string[] = [];
  let piece = '';
  for (const { segment } of characters.segment(word)) {
    if (piece !== '' && columns(piece) + columns(segment) > width) {
      cut.push(piece);
      piece = '';
    }
    piece += segment;
  }
  return [...cut, piece];
}
