import { clip } from './text.ts';

interface Line {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** One line of a terminal that is written again and again, and leaves no trace. Where nobody looks nothing is written. */
export interface StatusLine extends Disposable {
  show(text: string): void;
}

const CLEAR = '\r\u001b[K';

export function statusLine(stream: Line): StatusLine {
  // News may still come when nobody waits for any.
  let isOver = !stream.isTTY;
  return {
    show(text) {
      // One column is left free: a terminal that is full to the last one may begin a new line.
      if (!isOver) stream.write(`${CLEAR}${clip(text, (stream.columns || 80) - 1)}`);
    },
    [Symbol.dispose]() {
      if (!isOver) stream.write(CLEAR);
      isOver = true;
    },
  };
}
