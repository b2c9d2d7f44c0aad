/** Two kinds of load: as much as goes (wrk), and at a steady rate. */
import { request } from 'node:http';
import { join } from 'node:path';
import type { PacedOptions, PacedResult } from '../load/paced.ts';
import { runLoad } from './processes.ts';

/** Where deliveries go. */
export interface Target {
  readonly port: number;
  readonly path: string;
}

/** Milliseconds where a time is meant. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const folder = join(import.meta.dirname, '../load');

/** Every run sends items that no run before has sent, or they would be repeats. */
let nextItem = 2_000_000_000;
const takeItems = (): number => {
  nextItem += 10_000_000;
  return nextItem;
};

export async function asMuchAsGoes(
  { port, path }: Target,
  connections: number,
  seconds: number,
): Promise<LoadResult> {
  const out = await runLoad('wrk', [
    '--threads=1',
    `--connections=${connections}`,
    `--duration=${seconds}s`,
    '--timeout=30s',
    `--script=${join(folder, 'events.lua')}`,
    `http://127.0.0.1:${port}`,
    '--',
    path,
    String(takeItems()),
  ]);
  const result = /^RESULT (.*)$/m.exec(out)?.[1];
  if (result === undefined) throw new Error(`wrk said no result:\n${out}`);
  return JSON.parse(result) as LoadResult;
}

export async function atRate(
  target: Target,
  choice: Pick<PacedOptions, 'rate' | 'seconds' | 'warmUpSeconds' | 'connections'>,
): Promise<PacedResult> {
  const options: PacedOptions = { ...target, ...choice, firstItem: takeItems() };
  const out = await runLoad(process.execPath, [join(folder, 'paced.ts'), JSON.stringify(options)]);
  return JSON.parse(out) as PacedResult;
}

/** One delivery. Answers the status; rejects where nobody listens. */
export function deliver({ port, path }: Target): Promise<number> {
  const body = `item_id=${takeItems()}&item_revision_id=1&type=item.update&hook_id=4711`;
  return new Promise((resolve, reject) => {
    request(
      {
        port,
        path,
        method: 'POST',
        agent: false,
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': body.length,
        },
      },
      response => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      },
    )
      .once('error', reject)
      .end(body);
  });
}
